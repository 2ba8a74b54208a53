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

package pacing_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

func TestAClusterBeyondItsBurstIsReadAtTheRateOfTheLane(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	reads := pacing.Reads{Burst: time.Second, Lane: 250 * time.Millisecond}
	for range 10 {
		g.Expect(reads.Wait(restless, start)).To(BeZero())
		reads.Spend(restless, 100*time.Millisecond, start)
	}
	g.Expect(reads.Wait(restless, start)).To(BeZero(), "the lane is free")
	reads.Spend(restless, 100*time.Millisecond, start)
	g.Expect(reads.Wait(restless, start)).To(BeNumerically("~", 400*time.Millisecond, 5*time.Millisecond))
	g.Expect(reads.Wait(restless, start.Add(time.Second))).To(BeZero())
	g.Expect(reads.Wait(calm, start)).To(BeZero(), "a neighbour within its burst does not wait")
	g.Expect(reads.Wait(restless, start.Add(time.Hour))).To(BeZero())
	reads.Spend(restless, time.Second, start.Add(time.Hour))
	g.Expect(reads.Wait(restless, start.Add(time.Hour))).To(BeZero(), "the burst came back")
}

func TestInALaneOneReadFollowsTheOther(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	reads := pacing.Reads{Lane: 250 * time.Millisecond}
	reads.Spend(restless, time.Millisecond, start)
	now, read := start, 0
	for range 1000 {
		if reads.Wait(restless, now) == 0 {
			read++
			reads.Spend(restless, time.Millisecond, now)
		}
		now = now.Add(time.Millisecond)
	}
	g.Expect(read).To(BeNumerically("~", 200, 20), "a fifth of a core: what was spent and the slot")
}

func TestTheClustersOfANamespaceShareALane(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	reads := pacing.Reads{Burst: time.Millisecond, Lane: 100 * time.Millisecond}
	spendOf := func(namespace string, clusters int) time.Duration {
		for i := range clusters {
			reads.Spend(types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)}, time.Millisecond, start)
			reads.Spend(types.NamespacedName{Namespace: namespace, Name: fmt.Sprint(i)}, 20*time.Millisecond, start)
		}
		return reads.Wait(types.NamespacedName{Namespace: namespace, Name: "0"}, start)
	}
	g.Expect(spendOf("hostile", 10)).To(Equal(2 * time.Second))
	g.Expect(spendOf("other", 1)).To(Equal(200*time.Millisecond), "another namespace has a lane of its own")
	g.Expect(spendOf("hostile", 1000)).To(Equal(10*time.Second), "the wait is bounded")
}

func TestReadsWithoutALaneNeverWait(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var reads pacing.Reads
	for range 1000 {
		reads.Spend(restless, time.Hour, start)
		g.Expect(reads.Wait(restless, start)).To(BeZero())
	}
}
