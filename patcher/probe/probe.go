/*
Copyright The cross-cluster-connectivity Authors.

Licensed under the Apache License, Version 2.0 (the "License");
you may not use this file except in compliance with the License.
You may obtain a copy of the License at

    http://www.apache.org/licenses/LICENSE-2.0

Unless required by applicable law or agreed to in writing, software
distributed under the License is distributed on an "AS IS" BASIS,
WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
See the License for the specific language governing permissions and
limitations under the License.
*/

package probe

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

const (
	// leaseIntervals is for how many intervals a success counts.
	leaseIntervals = 3
	// hurry is by how much more often it is tried while it fails.
	hurry = 6
)

// Options say what a Prober asks.
type Options struct {
	// Zones are those that cluster DNS must forward. They are canonical as in package dnsname.
	Zones []string
	// Namespace has the Lease.
	Namespace string
	// Interval is from one success to the next lookup.
	Interval time.Duration
	// ResolvConf is the path of the file that names the nameservers.
	ResolvConf string
	// Port is that of the nameservers; 53 if it is empty.
	Port string
	// Timeout is how long an answer is waited for; 2 s if it is 0. Each nameserver is asked twice, as the C library does.
	Timeout time.Duration
	// Clock is that of the system if it is nil.
	Clock clock.Clock
}

// Prober looks names up again and again. It is made by New and does nothing until Run.
type Prober struct {
	zones    []string
	interval time.Duration
	clock    clock.Clock
	resolver resolver
	lease    *lease
	metrics  metrics
	// report is told why the last lookup failed, or nothing.
	report func(failure string)
}

// New returns a Prober for the cluster of the configuration. It calls report after each lookup with a sentence that says
// why it failed, and with the empty string after a success. The sentence is the same as long as the reason is. It registers its metrics.
func New(config *rest.Config, options Options, report func(failure string), registerer prometheus.Registerer) (*Prober, error) {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	lease, err := newLease(config, options.Namespace, options.Interval*leaseIntervals)
	if err != nil {
		return nil, err
	}
	return &Prober{
		zones: options.Zones, interval: options.Interval, clock: options.Clock, lease: lease, report: report,
		resolver: newResolver(options),
		metrics:  newMetrics(registerer),
	}, nil
}

// Run works until the context ends.
func (p *Prober) Run(ctx context.Context) {
	for {
		wait := p.interval
		if !p.once(ctx) {
			wait = p.interval / hurry
		}
		select {
		case <-ctx.Done():
			return
		case <-p.clock.After(wait):
		}
	}
}

// once returns whether every zone was answered and the Lease renewed.
func (p *Prober) once(ctx context.Context) bool {
	var failures []string
	for _, zone := range p.zones {
		start := p.clock.Now()
		err := p.resolver.check(ctx, strings.ToLower(rand.Text())+"."+dnsname.ProbeLabel+"."+zone, zone)
		if ctx.Err() != nil {
			return false // The end of this process is no failure of DNS.
		}
		p.metrics.observe(p.clock.Since(start), err)
		if err != nil {
			failures = append(failures, err.Error())
		}
	}
	p.report(strings.Join(failures, "; "))
	if len(failures) > 0 {
		return false
	}
	if err := p.lease.renew(ctx, p.clock.Now()); err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Failed to renew the Lease that says that names resolve")
		}
		return false
	}
	return true
}
