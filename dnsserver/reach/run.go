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
	"sync"
	"time"
)

// Run probes until the context ends, and returns after the last probe and the last call of Changed.
func (m *Monitor) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { m.notify(ctx) })
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		e, wait := m.next()
		if e != nil {
			running.Go(func() { m.probe(ctx, e) })
			continue
		}
		if wait >= 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case <-m.wakeup:
		case <-timer.C:
		}
	}
}

// next returns the next entry to probe, or the time to wait.
func (m *Monitor) next() (*entry, time.Duration) {
	m.wokenMu.Lock()
	woken := m.woken
	m.woken = nil
	m.wokenMu.Unlock()

	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, usage := range woken {
		m.roster.use(usage, now)
	}
	return m.roster.take(now)
}

// probe runs one probe of an entry.
func (m *Monitor) probe(ctx context.Context, e *entry) {
	// The due time and the start do not change while the probe runs.
	outcome := Outcome{Target: e.target, Late: e.startedAt.Sub(e.due)}
	var reason string
	outcome.Result, reason = judge(m.options.Probe(ctx, e.target))
	now := time.Now()
	if ctx.Err() != nil {
		// The probe may have failed only because this process ends.
		return
	}
	outcome.Took = now.Sub(e.startedAt)

	m.mu.Lock()
	if outcome.Result == Inconclusive {
		m.roster.retry(e, now)
	} else if m.roster.finish(e, outcome.Result == Success, reason, now) {
		m.changed = append(m.changed, e.target)
		signal(m.news)
	}
	m.mu.Unlock()
	signal(m.wakeup)
	if m.options.Observe != nil {
		m.options.Observe(outcome)
	}
}

// notify calls Changed until the context ends.
func (m *Monitor) notify(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.news:
		}
		m.mu.Lock()
		changed := m.changed
		m.changed = nil
		m.mu.Unlock()
		if m.options.Changed != nil {
			m.options.Changed(changed)
		}
	}
}
