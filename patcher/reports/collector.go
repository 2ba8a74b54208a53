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

package reports

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

const (
	// interval is the time between two rounds while gateways are probed: the time in which a person sees a status change.
	interval = 5 * time.Second
	// idleInterval is the time between two rounds while no gateway is probed, or no dns-server answers.
	idleInterval = time.Minute
	// writeInterval is the shortest time between two writes of the ConfigMap.
	writeInterval = 10 * time.Second

	// defaultPort is the port of the reports in the manifests.
	defaultPort = 8081
)

// Options are the settings of a Collector.
type Options struct {
	// Namespace has the headless Service of the dns-servers and the ConfigMap.
	Namespace string
	// Resolve returns the addresses of the dns-servers. By default, they are those of the Service in cluster DNS.
	Resolve func(context.Context) ([]netip.Addr, error)
	// Port is the port of the reports. Default: 8081.
	Port uint16
	// Clock is the clock of the system by default.
	Clock clock.Clock
}

// Collector collects reports. Create it with New, and call Run once.
type Collector struct {
	resolve  func(context.Context) ([]netip.Addr, error)
	port     string
	replicas *replicas
	stored   *stored
	clock    clock.Clock
	metrics  metrics
	// wroteAt is the time of the last write, or zero.
	wroteAt time.Time
}

// New returns a Collector for the cluster of the configuration, and registers its metrics.
func New(config *rest.Config, options Options, registerer prometheus.Registerer) (*Collector, error) {
	stored, err := newStored(config, options.Namespace)
	if err != nil {
		return nil, err
	}
	if options.Resolve == nil {
		options.Resolve = lookup(options.Namespace)
	}
	if options.Port == 0 {
		options.Port = defaultPort
	}
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	return &Collector{
		resolve: options.Resolve, port: strconv.Itoa(int(options.Port)), replicas: newReplicas(),
		stored: stored, clock: options.Clock, metrics: newMetrics(registerer),
	}, nil
}

// Run works until the context ends.
func (c *Collector) Run(ctx context.Context) {
	for {
		wait := c.round(ctx)
		// A fifth of jitter, so that a thousand clusters that start together do not write together.
		wait -= rand.N(wait / 5) //nolint:gosec // It is for jitter.
		select {
		case <-ctx.Done():
			return
		case <-c.clock.After(wait):
		}
	}
}

// round asks each dns-server once and stores what they report. It returns the time until the next round.
func (c *Collector) round(ctx context.Context) time.Duration {
	report, ok := c.collect(ctx)
	if !ok {
		return idleInterval
	}
	if err := c.store(ctx, report); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Failed to store the report on gateways")
		return interval
	}
	if report.IsEmpty() && c.stored.is(report) {
		return idleInterval
	}
	return interval
}

// collect returns the merged report. ok is false if no dns-server answered.
func (c *Collector) collect(ctx context.Context) (merged reachability.Report, ok bool) {
	addresses, err := c.resolve(ctx)
	if err != nil {
		klog.FromContext(ctx).V(1).Info("Found no dns-server to ask for its report", "reason", err.Error())
		return merged, false
	}
	answers, failures := c.replicas.ask(ctx, c.port, addresses)
	c.metrics.observe(len(answers), len(failures))
	for _, err := range failures {
		klog.FromContext(ctx).V(1).Info("Left out the report of a dns-server", "reason", err.Error())
	}
	return reachability.Merge(answers), len(answers) > 0
}

// store writes the report if it has changed and the last write is long enough ago.
func (c *Collector) store(ctx context.Context, report reachability.Report) error {
	if err := c.stored.read(ctx); err != nil {
		return fmt.Errorf("reading the ConfigMap: %w", err)
	}
	now := c.clock.Now()
	if c.stored.is(report) || now.Sub(c.wroteAt) < writeInterval {
		return nil
	}
	c.wroteAt = now
	if err := c.stored.write(ctx, report); err != nil {
		return fmt.Errorf("writing the ConfigMap: %w", err)
	}
	c.metrics.writes.Inc()
	return nil
}
