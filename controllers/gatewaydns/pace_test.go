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

// writes returns how many writes there are when something changes at each of the times.
func writes(changes []time.Duration) (written []time.Duration) {
	var p pace
	key := client.ObjectKey{Namespace: "dev", Name: "gw"}
	start := time.Unix(1000, 0)
	pending, due := false, time.Duration(0)
	try := func(now time.Duration) {
		wait := p.wait(key, start.Add(now))
		if pending, due = wait > 0, now+wait; pending {
			return
		}
		p.wrote(key, start.Add(now))
		written = append(written, now)
	}
	for _, change := range changes {
		if pending && due <= change {
			try(due)
		}
		try(change)
	}
	if pending {
		try(due)
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
	g.Expect(writes(every(ms, 1))).To(Equal([]time.Duration{0}), "a change is written at once")
	g.Expect(writes(every(20*ms, 50))).To(Equal(every(20*ms, 50)), "so are changes that wait for each other")
	g.Expect(writes(every(10*ms, 100))).To(Equal(every(100*ms, 11)), "a hundred within a second are eleven")
	g.Expect(writes([]time.Duration{0, 5 * ms, 50 * ms, 300 * ms})).To(Equal([]time.Duration{0, 100 * ms, 300 * ms}),
		"once in a rush, the next one waits too, and after a while it is over")
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
	p.wrote(client.ObjectKey{Name: "a"}, now)
	g.Expect(p.wait(client.ObjectKey{Name: "a"}, now)).To(Equal(respite))
	g.Expect(p.wait(client.ObjectKey{Name: "b"}, now)).To(BeZero())
	p.forget(client.ObjectKey{Name: "a"})
	g.Expect(p.wait(client.ObjectKey{Name: "a"}, now)).To(BeZero())
}
