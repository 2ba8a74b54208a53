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
	"context"
	"strings"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Aliases are the known alias targets, by "name type". A lookup of any other target fails.
type Aliases map[string]*alias.Answer

// KnownAliases returns Targets with their records in wire format.
func KnownAliases() Aliases {
	known := Aliases{}
	for key, target := range Targets() {
		target.Packed = answer.PackTarget(key[:strings.IndexByte(key, ' ')], target)
		known[key] = target
	}
	return known
}

// Cached returns nil if the target is not known.
func (a Aliases) Cached(target string, qtype uint16) *alias.Answer {
	return a[target+" "+dns.TypeToString[qtype]]
}

// Wait returns a failure if the target is not known.
func (a Aliases) Wait(target string, qtype uint16) *alias.Answer {
	if known := a.Cached(target, qtype); known != nil {
		return known
	}
	return &alias.Answer{Rcode: dns.RcodeServerFailure}
}

// NewHandler returns a handler for a snapshot and KnownAliases.
func NewHandler(snapshot *zone.Snapshot) *answer.Handler {
	return &answer.Handler{
		Snapshot: func() *zone.Snapshot { return snapshot },
		TTL:      TTL,
		Aliases:  KnownAliases(),
	}
}

// Serve serves on loopback over UDP and TCP until the test ends, and returns the addresses.
func Serve(t *testing.T, handler transport.Handler) (udp, tcp string) {
	t.Helper()
	g := NewWithT(t)
	packets, err := transport.ListenUDP(t.Context(), "127.0.0.1:0", 2, handler)
	g.Expect(err).NotTo(HaveOccurred())
	connections, err := transport.ListenTCP(t.Context(), "127.0.0.1:0", handler)
	g.Expect(err).NotTo(HaveOccurred())
	Run(t, packets.Serve, packets.Shutdown)
	Run(t, connections.Serve, connections.Shutdown)
	return packets.Addr().String(), connections.Addr().String()
}

// Run runs serve, and calls shutdown when the test ends. Both must succeed.
func Run(t *testing.T, serve func() error, shutdown func(context.Context) error) {
	t.Helper()
	g := NewWithT(t)
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	t.Cleanup(func() {
		g.Expect(shutdown(context.WithoutCancel(t.Context()))).To(Succeed())
		g.Expect(<-ended).To(Succeed())
	})
}

// Over returns a function that sends a query to an address over "udp" or "tcp" and returns the
// response.
func Over(network, address string) func(g Gomega, query *dns.Msg) *dns.Msg {
	return func(g Gomega, query *dns.Msg) *dns.Msg {
		response, _, err := (&dns.Client{Net: network}).Exchange(query, address)
		g.Expect(err).NotTo(HaveOccurred())
		return response
	}
}

// Question returns a query.
func Question(name string, qtype uint16) *dns.Msg {
	return new(dns.Msg).SetQuestion(name, qtype)
}
