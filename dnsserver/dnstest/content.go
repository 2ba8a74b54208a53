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

package dnstest

import (
	"net/netip"
	"strings"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// ManyAddresses is a name whose answer does not fit into a UDP packet.
	ManyAddresses = "many.xcc.test."
	// ManyCount is the number of its addresses.
	ManyCount = 100
	// TTL of addresses and aliases in the cases, in seconds.
	TTL = 30

	soa    = "xcc.test. 5 IN SOA ns.xcc.test. hostmaster.xcc.test. 1000 7200 1800 1209600 5"
	subSOA = "sub.xcc.test. 5 IN SOA ns.sub.xcc.test. hostmaster.sub.xcc.test. 1000 7200 1800 1209600 5"
)

// AliasToMany are aliases for ManyCount addresses, inside and outside the zone.
var AliasToMany = [...]string{"to-many.xcc.test.", "to-many-elsewhere.xcc.test."}

// Snapshot returns the zones of the cases: xcc.test, sub.xcc.test and a.gap.xcc.test.
func Snapshot() *zone.Snapshot {
	empty := zone.New(zone.Content{
		Zones:      []string{"a.gap.xcc.test", "sub.xcc.test", "xcc.test"},
		NameServer: []netip.Addr{netip.MustParseAddr("10.96.0.53"), netip.MustParseAddr("fd00::53")},
		Packer:     answer.Packer{TTL: TTL},
	}, time.Unix(999, 0))
	return empty.With(Records(), time.Unix(1000, 0))
}

// Records are the records of Snapshot without those that every zone has.
func Records() []zone.Record {
	return append([]zone.Record{
		addresses("*.gateway.cluster-a.dev-team.clusters.xcc.test", "10.0.0.1", "10.0.0.2"),
		addresses("*.gateway.cluster-b.dev-team.clusters.xcc.test", "10.0.1.1", "fd00::1"),
		{Name: "*.gateway.cluster-c.dev-team.clusters.xcc.test", Alias: "lb.example.com"},
		addresses("*.gateway.cluster-d.dev-team.clusters.xcc.test", "fd00::d"),
		addresses("special.gateway.cluster-a.dev-team.clusters.xcc.test", "10.0.0.9"),
		addresses("deep.empty.gateway.cluster-a.dev-team.clusters.xcc.test", "10.0.0.8"),
		addresses("plain.xcc.test", "192.0.2.1"),
		{Name: "alias.xcc.test", Alias: "plain.xcc.test"},
		{Name: "alias2.xcc.test", Alias: "alias.xcc.test"},
		{Name: "alias-to-wildcard.xcc.test", Alias: "www.sub.xcc.test"},
		{Name: "alias-to-alias.xcc.test", Alias: "kuard.gateway.cluster-c.dev-team.clusters.xcc.test"},
		{Name: "dangling.xcc.test", Alias: "nope.xcc.test"},
		{Name: "loop.xcc.test", Alias: "pool.xcc.test"},
		{Name: "pool.xcc.test", Alias: "loop.xcc.test"},
		{Name: "chain.xcc.test", Alias: "chain.example.com"},
		{Name: "gone.xcc.test", Alias: "gone.example.com"},
		{Name: "hangs.xcc.test", Alias: "hangs.example.com"},
		offering(addresses("svc.xcc.test", "192.0.2.7", "fd00::7"), zone.Service{Prefix: "_http._tcp", Port: 80},
			zone.Service{Prefix: "_http._tcp", Port: 8080}, zone.Service{Prefix: "_https._tcp", Port: 443}),
		offering(addresses("gateway.cluster-e.dev-team.clusters.xcc.test", "10.0.4.1"), zone.Service{Prefix: "_https._tcp", Port: 30443}),
		offering(addresses("*.gateway.cluster-e.dev-team.clusters.xcc.test", "10.0.4.1"), zone.Service{Prefix: "_https._tcp", Port: 30443}),
		offering(addresses("*.gateway.cluster-g.dev-team.clusters.xcc.test", "10.0.6.1"), zone.Service{Prefix: "_https._tcp", Port: 30443}, zone.Service{Prefix: "_quic._udp", Port: 30443}),
		offering(zone.Record{Name: "*.gateway.cluster-f.dev-team.clusters.xcc.test", Alias: "lb.example.com"}, zone.Service{Prefix: "_https._tcp", Port: 443}),
		offering(zone.Record{Name: "alias-svc.xcc.test", Alias: "lb.example.com"}, zone.Service{Prefix: "_https._tcp", Port: 443}),
		{Name: AliasToMany[0][:len(AliasToMany[0])-1], Alias: ManyAddresses[:len(ManyAddresses)-1]},
		{Name: AliasToMany[1][:len(AliasToMany[1])-1], Alias: "many.example.com"},
		offering(zone.Record{Name: "inner-svc.xcc.test", Alias: "alias-to-alias.xcc.test"}, zone.Service{Prefix: "_https._tcp", Port: 443}),
		offering(zone.Record{Name: "loop-svc.xcc.test", Alias: "loop.xcc.test"}, zone.Service{Prefix: "_https._tcp", Port: 443}),
		{Name: "alias-to-svc.xcc.test", Alias: "_https._tcp.svc.xcc.test"},
		addresses("xcc.test", "192.0.2.53"),
		addresses("*.sub.xcc.test", "192.0.2.80"),
		many(),
	}, sharedRecords()...)
}

func addresses(name string, texts ...string) zone.Record {
	record := zone.Record{Name: name}
	for _, text := range texts {
		record.Addresses = append(record.Addresses, netip.MustParseAddr(text))
	}
	return record
}

// offering adds services to a record.
func offering(record zone.Record, services ...zone.Service) zone.Record {
	record.Services = services
	return record
}

func many() zone.Record {
	return zone.Record{Name: strings.TrimSuffix(ManyAddresses, "."), Addresses: manyAddresses()}
}

func manyAddresses() []netip.Addr {
	found := make([]netip.Addr, 0, ManyCount)
	for i := range ManyCount {
		found = append(found, netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}))
	}
	return found
}
