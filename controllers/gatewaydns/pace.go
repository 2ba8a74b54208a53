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

package gatewaydns

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// rush is how soon after the beginning of the last write a change counts as one of many. Changes that wait for each other,
	// each made when the one before is answered everywhere, are further apart.
	rush = 12 * time.Millisecond
	// respite is how long after a write the next one is held back then.
	respite = 100 * time.Millisecond
)

// pace lets a change through at once, and makes one of those that follow each other in a rush: a burst of changes of one
// gateway would otherwise be a burst of writes to the management cluster and to each consuming cluster. Where writes are slow
// the time since the last one tells nothing, but then several changes are seen while it lasts: of those that wait for each
// other there is only one. Its zero value is ready for use, and it is safe for concurrent use.
type pace struct {
	mu    sync.Mutex
	paced map[client.ObjectKey]*paced
}

type paced struct {
	wrote   time.Time
	rushing bool
	// changes is how many there had been when it was written, and crowded says that this was held back and had several.
	changes int
	crowded bool
	// upToDate is when what was written was last found to be all there is, and seen when the manager saw the first change
	// since then.
	upToDate, seen time.Time
}

// wait returns how long to wait before a GatewayDNS may be written; 0 if it may be written now. changes is how many there have
// been in all.
func (p *pace) wait(key client.ObjectKey, now time.Time, changes int) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.of(key)
	since := now.Sub(last.wrote)
	rushes := last.rushing || last.crowded || since < rush || changes-last.changes > 1
	if since >= respite || !rushes {
		return 0
	}
	last.rushing = true
	return respite - since
}

func (p *pace) of(key client.ObjectKey) *paced {
	if p.paced == nil {
		p.paced = map[client.ObjectKey]*paced{}
	}
	found, ok := p.paced[key]
	if !ok {
		found = &paced{}
		p.paced[key] = found
	}
	return found
}

// wrote notes that a GatewayDNS was written, beginning at the given time and with so many changes in all.
func (p *pace) wrote(key client.ObjectKey, now time.Time, changes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.of(key)
	last.crowded = last.rushing && changes-last.changes > 2
	last.wrote, last.rushing, last.changes = now, false, changes
}

// noticed notes that something is to be written, and returns when the manager saw the first change since everything was
// written: the earliest of the given times at which it saw something, or when the reconcile that finds it started.
func (p *pace) noticed(key client.ObjectKey, started time.Time, seen ...time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.of(key)
	for _, at := range append(seen, started) {
		if at.After(last.upToDate) && (last.seen.IsZero() || at.Before(last.seen)) {
			last.seen = at
		}
	}
	return last.seen
}

// settled notes that what is written is all that there was to see at the given time.
func (p *pace) settled(key client.ObjectKey, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.of(key)
	last.upToDate, last.seen = at, time.Time{}
}

// forget drops what is known of a GatewayDNS that does not exist any more.
func (p *pace) forget(key client.ObjectKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.paced, key)
}
