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
	"fmt"
	"net/netip"
	"testing"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// BenchmarkWith changes one name among so many.
func BenchmarkWith(b *testing.B) {
	for _, count := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			var records []zone.Record
			for i := range count {
				records = append(records, zone.Record{Name: fmt.Sprintf("*.gateway.c%d.ns.clusters.xcc.test", i), Addresses: address("10.0.0.1")})
			}
			snapshot := snapshotOf(start, []string{"xcc.test"}, records...)
			last := netip.MustParseAddr("10.0.0.1")
			for b.Loop() {
				last = last.Next()
				snapshot = snapshot.With([]zone.Record{{Name: records[count/2].Name, Addresses: []netip.Addr{last}}}, start)
			}
		})
	}
}
