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

package zone_test

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

func TestPrefetchTakesAnyNames(t *testing.T) {
	g := NewWithT(t)
	records := []zone.Record{
		{Name: "test", Addresses: address("10.0.0.1")}, {Name: "*.test", Alias: "example.com"}, {Name: "only.ipv6.test", Addresses: address("fd00::1")},
	}
	for about, snapshot := range map[string]*zone.Snapshot{
		"without zones": snapshotOf(start, nil), "with zones": snapshotOf(start, []string{"test"}, records...), "with the root": snapshotOf(start, []string{""}, records...),
	} {
		var batch zone.Batch
		g.Expect(testing.AllocsPerRun(10, func() {
			for _, count := range []int{0, 1, 100} {
				batch.Clear()
				for range count {
					for _, name := range []string{"", ".", "test", "a.test", "*.test", "only.ipv6.test", "ipv6.test", "a.b.c.elsewhere", `a\.b.test`} {
						batch.Add([]byte(name))
					}
				}
				snapshot.Prefetch(&batch)
			}
		})).To(BeZero(), about)
	}
}
