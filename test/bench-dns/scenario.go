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

package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

const (
	zoneName  = "xcc.test"
	ttl       = 5
	questions = 100_000
	// misses is the fraction of queries for names that do not exist.
	misses = 0.1
)

// scenario is a set of names and queries.
type scenario struct {
	name, about string
	names       int
	tcp         bool
	// clients is the number of dnsperf's sockets or connections.
	clients int
	// aliases makes every second name an alias for a name with an address in the same zone.
	aliases bool
	// processors is the number of CPUs of the server.
	processors int
	// changes is the number of EndpointSlices that change per second. Servers that read a file are
	// left out then.
	changes int
	// members is the number of clusters behind each name, if the names are shared. Other servers have
	// no such names and are left out.
	members int
}

func scenarios() []scenario {
	all := []scenario{
		{name: "udp-1000", about: "1,000 names, UDP", names: 1_000},
		{name: "udp-10000", about: "10,000 names, UDP", names: 10_000},
		{name: "udp-100000", about: "100,000 names, UDP", names: 100_000},
		{name: "tcp-1000", about: "1,000 names, TCP, 16 connections", names: 1_000, tcp: true},
		{name: "tcp-one-1000", about: "1,000 names, TCP, one connection", names: 1_000, tcp: true, clients: 1},
		{name: "alias-1000", about: "1,000 names, UDP, half of the queries for aliases", names: 1_000, aliases: true},
		{name: "changes-10000", about: "10,000 names, UDP, 1,000 of them change each second", names: 10_000, changes: 1_000},
	}
	all = append(all, scenario{name: "shared-1000", about: "1,000 shared names of 5 clusters each, UDP", names: 1_000, members: 5})
	if enoughForTwo() {
		all = append(all, scenario{name: "two-1000", about: "1,000 names, UDP, two processors", names: 1_000, processors: 2})
	}
	for i := range all {
		all[i].processors = cmp.Or(all[i].processors, 1)
		all[i].clients = cmp.Or(all[i].clients, 16)
	}
	return all
}

// network is "udp" or "tcp".
func (s scenario) network() string {
	if s.tcp {
		return "tcp"
	}
	return "udp"
}

func (s scenario) owner(i int) string {
	return fmt.Sprintf("*.gateway.cluster-%d.dev-team.clusters.%s", i, zoneName)
}

func (s scenario) address(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255) }

func (s scenario) isAlias(i int) bool { return s.aliases && i%2 == 1 }

// target is the target of an alias. It lies in the zone, because not all servers resolve other
// targets.
func (s scenario) target(i int) string {
	return fmt.Sprintf("lb.gateway.cluster-%d.dev-team.clusters.%s", i-1, zoneName)
}

// writeZone writes the names as a zone file.
func (s scenario) writeZone(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s.\n@ %d IN SOA ns hostmaster 1 7200 1800 1209600 5\n@ %d IN NS ns.%s.\nns %d IN A 127.0.0.1\n", zoneName, ttl, ttl, zoneName, ttl)
	for i := range s.names {
		if s.isAlias(i) {
			fmt.Fprintf(&b, "%s. %d IN CNAME %s.\n", s.owner(i), ttl, s.target(i))
		} else {
			fmt.Fprintf(&b, "%s. %d IN A %s\n", s.owner(i), ttl, s.address(i))
		}
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// shared returns a shared name.
func (s scenario) shared(i int) string {
	return fmt.Sprintf("*.shop-%d.dev-team.gateways.%s", i, zoneName)
}

// writeQueries writes the queries for dnsperf: 45 % A, 45 % AAAA, 10 % names that do not exist. They
// are for shared names if the scenario has any, unless they are to be plain.
func (s scenario) writeQueries(path string, plain bool) error {
	parent := func(i int) string { return strings.TrimPrefix(s.owner(i), "*.") }
	if s.members > 0 && !plain {
		parent = func(i int) string { return strings.TrimPrefix(s.shared(i), "*.") }
	}
	random := rand.New(rand.NewPCG(1, 1))
	var b strings.Builder
	for i := range questions {
		qtype, name := "A", fmt.Sprintf("app%d.%s", i%97, parent(random.IntN(s.names)))
		switch kind := random.Float64(); {
		case kind < misses:
			name = fmt.Sprintf("app%d.gateway.nowhere-%d.dev-team.clusters.%s", i%97, random.IntN(s.names), zoneName)
		case kind < misses+(1-misses)/2:
			qtype = "AAAA"
		}
		fmt.Fprintf(&b, "%s %s\n", name, qtype)
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}
