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

package reach

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// settleTime is the longest time for which IsSettled waits for the first round of probes.
const settleTime = 5 * time.Second

// Options are the settings of a Monitor. The zero value is valid.
type Options struct {
	// Judge refuses addresses that must not be dialled.
	Judge netaddr.Judge
	// Changed is called with the targets whose status has changed, in batches and never
	// concurrently. Further changes collect while it runs. It may call all methods of the Monitor.
	Changed func([]Target)
	// Observe is called after each probe, concurrently.
	Observe func(Outcome)
	// Probe replaces the probe over the network. nil means that the target is alive.
	Probe func(context.Context, Target) error
	// HasIPv4 and HasIPv6 report whether the pod has an address of the family. By default, New
	// looks at the interfaces.
	HasIPv4, HasIPv6 func() bool
}

// Monitor probes targets. Create it with New, and call Run once.
type Monitor struct {
	options Options
	// wakeup has a message if the next due time may have changed.
	wakeup chan struct{}
	// news has a message if changed is not empty.
	news chan struct{}

	mu     sync.Mutex
	roster *roster
	// changed are the targets for the next call of Changed.
	changed []Target
	// began is the time of the first Replace, or zero.
	began time.Time

	// wokenMu is apart from mu, because queries call Mark.
	wokenMu sync.Mutex
	woken   []*Usage
}

// New returns a Monitor without targets.
func New(options Options) *Monitor {
	if options.Probe == nil {
		options.Probe = prober{judge: options.Judge}.probe
	}
	if options.HasIPv4 == nil || options.HasIPv6 == nil {
		ipv4, ipv6 := hasFamily()
		if options.HasIPv4 == nil {
			options.HasIPv4 = func() bool { return ipv4 }
		}
		if options.HasIPv6 == nil {
			options.HasIPv6 = func() bool { return ipv6 }
		}
	}
	m := &Monitor{options: options, wakeup: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // It is for jitter.
	m.roster = newRoster(random, m.canProbe, m.used)
	return m
}

// canProbe reports whether a target may and can be dialled from here.
func (m *Monitor) canProbe(t Target) bool {
	address := t.Address.Unmap()
	if m.options.Judge.Refuse(address) != "" || t.Check.Port == 0 {
		return false
	}
	return hasAddressOf(address, m.options)
}

func hasAddressOf(address netip.Addr, options Options) bool {
	if address.Is4() {
		return options.HasIPv4()
	}
	return options.HasIPv6()
}

// Replace sets the targets of a name, and removes them if there are none. The health checks must be
// valid. A target of several names is probed once. A new target is Unknown. If its name had another
// target with the same gateway and address, it takes over the status of that one. Targets beyond
// 10,000 are ignored, and count as up.
func (m *Monitor) Replace(name string, targets []Target) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.began.IsZero() {
		m.began = now
	}
	m.roster.replace(name, targets, now)
	signal(m.wakeup)
}

// IsUp reports whether a target is to be answered. Unknown targets, targets that are not probed and
// targets with ReportOnly are. It takes no lock.
func (m *Monitor) IsUp(t Target) bool {
	return m.roster.isUp(t)
}

// HasIPv4 reports whether the pod has an IPv4 address.
func (m *Monitor) HasIPv4() bool { return m.options.HasIPv4() }

// Usage returns the usage of a name, or nil if the name has no targets. It stays the same until the
// name has none.
func (m *Monitor) Usage(name string) *Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roster.usages[name]
}

// IsSettled reports whether the first round of probes has ended, or 5 seconds have passed since the
// first Replace. Callers ask once they have registered all initial targets.
func (m *Monitor) IsSettled() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.roster.unknown == 0 || time.Since(m.began) >= settleTime
}

// Verdicts returns the verdicts of all targets, in no order.
func (m *Monitor) Verdicts() []Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	verdicts := make([]Verdict, 0, len(m.roster.entries))
	for target, e := range m.roster.entries {
		verdicts = append(verdicts, Verdict{
			Target: target, Status: e.health.status, Since: e.health.since,
			Reason: e.reason, IsProbed: e.state != unprobed,
		})
	}
	return verdicts
}

// used is called by a query for a resting name.
func (m *Monitor) used(u *Usage) {
	m.wokenMu.Lock()
	m.woken = append(m.woken, u)
	m.wokenMu.Unlock()
	signal(m.wakeup)
}

// signal sends a message unless there is one already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
