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
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writes returns when it is written when something changes at each of the times and a write takes so long.
func writes(takes time.Duration, changes []time.Duration) (written []time.Duration) {
	var p pace
	key := client.ObjectKey{Namespace: "dev", Name: "gw"}
	start := time.Unix(1000, 0)
	seen, now := 0, time.Duration(0)
	for seen < len(changes) {
		now = max(now, changes[seen]) // The reconcile that a change wakes begins when the one before has ended.
		for {
			for seen < len(changes) && changes[seen] <= now {
				seen++
			}
			wait := p.wait(key, start.Add(now), seen)
			if wait == 0 {
				break
			}
			if now += wait; seen < len(changes) {
				now = min(now, max(changes[seen], now-wait))
			}
		}
		p.wrote(key, start.Add(now), seen)
		written = append(written, now)
		now += takes
	}
	return written
}

func every(interval time.Duration, count int) []time.Duration {
	var changes []time.Duration
	for i := range count {
		changes = append(changes, time.Duration(i)*interval)
	}
	return changes
}

func TestPace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const ms = time.Millisecond
	g.Expect(writes(0, every(ms, 1))).To(Equal([]time.Duration{0}), "a change is written at once")
	g.Expect(writes(0, every(20*ms, 50))).To(Equal(every(20*ms, 50)), "so are changes that wait for each other")
	g.Expect(writes(0, every(10*ms, 100))).To(Equal(every(100*ms, 11)), "a hundred within a second are eleven")
	g.Expect(writes(0, []time.Duration{0, 5 * ms, 50 * ms, 300 * ms})).To(Equal([]time.Duration{0, 100 * ms, 300 * ms}),
		"once in a rush, the next one waits too, and after a while it is over")
	g.Expect(writes(15*ms, every(20*ms, 50))).To(Equal(every(20*ms, 50)), "changes that wait for each other, on a slow machine")
	g.Expect(writes(50*ms, every(60*ms, 50))).To(Equal(every(60*ms, 50)), "and on a slower one")
	for _, takes := range []time.Duration{5 * ms, 15 * ms, 30 * ms, 80 * ms} {
		g.Expect(len(writes(takes, every(10*ms, 100)))).To(BeNumerically("<=", 14), "a hundred within a second, when a write takes %s", takes)
	}
}

func TestAChangeCountsFromWhenItWasSeen(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var p pace
	key := client.ObjectKey{Name: "a"}
	at := func(second int64) time.Time { return time.Unix(second, 0) }
	g.Expect(p.noticed(key, at(10), at(8))).To(Equal(at(8)))
	g.Expect(p.noticed(key, at(12), at(11))).To(Equal(at(8)), "it is not written yet")
	p.settled(key, at(12))
	g.Expect(p.noticed(key, at(20), at(11))).To(Equal(at(20)), "what was seen before is written")
}

func TestPaceIsPerGatewayDNS(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var p pace
	now := time.Unix(1000, 0)
	p.wrote(client.ObjectKey{Name: "a"}, now, 1)
	g.Expect(p.wait(client.ObjectKey{Name: "a"}, now, 2)).To(Equal(respite))
	g.Expect(p.wait(client.ObjectKey{Name: "b"}, now, 2)).To(BeZero())
	p.forget(client.ObjectKey{Name: "a"})
	g.Expect(p.wait(client.ObjectKey{Name: "a"}, now, 2)).To(BeZero())
}
