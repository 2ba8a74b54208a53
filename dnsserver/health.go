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

package dnsserver

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// healthHandler serves /healthz, which says that the process runs, and /readyz, which says that it
// should receive queries.
func (s *server) healthHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reason := s.notReady(); reason != "" {
			http.Error(w, reason, http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	if s.options.DebugRecords {
		mux.HandleFunc("GET /debug/records", s.listRecords)
	}
	return mux
}

// listRecords lists the records. It serves one client at a time, because a listing takes about 100
// octets of memory per record until the client has read it.
func (s *server) listRecords(w http.ResponseWriter, _ *http.Request) {
	if !s.listing.TryLock() {
		http.Error(w, "another client is listing the records", http.StatusServiceUnavailable)
		return
	}
	defer s.listing.Unlock()
	snapshot := s.source.Snapshot()
	if snapshot == nil {
		http.Error(w, "EndpointSlices are not synced yet", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, listing(snapshot, s.options.TTL, s.aliases.Peek))
}

// listing returns the snapshot in the format of a zone file. Comments show the answers that peek
// has for alias targets.
func listing(snapshot *zone.Snapshot, ttl uint32, peek func(target string, qtype uint16) *alias.Answer) string {
	var b strings.Builder
	for _, z := range snapshot.Zones() {
		fmt.Fprintf(&b, "; zone %s. serial %d\n", z.Apex(), z.Serial())
	}
	for _, record := range snapshot.Records() {
		writeAddresses(&b, record.Name, ttl, record.Addresses)
		if record.Choices != nil {
			for _, choice := range record.Choices.All {
				fmt.Fprintf(&b, "; one of %d choices, weight %d\n", len(record.Choices.All), choice.Weight)
				writeAddresses(&b, record.Name, ttl, choice.Addresses)
			}
		}
		for _, service := range record.Services {
			fmt.Fprintf(&b, ";   %s in front of it %d IN SRV %d %d %d", service.Prefix, ttl, service.Priority, service.Weight, service.Port)
			if service.Target != "" {
				fmt.Fprintf(&b, " %s.", service.Target)
			}
			b.WriteByte('\n')
		}
		if record.Alias == "" {
			continue
		}
		fmt.Fprintf(&b, "%s. %d IN CNAME %s.\n", record.Name, ttl, record.Alias)
		for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
			if answer := peek(record.Alias, qtype); answer != nil {
				fmt.Fprintf(&b, ";   %s. %d IN %s %s %v\n", record.Alias, answer.TTL(time.Now()), dns.TypeToString[qtype],
					dns.RcodeToString[answer.Rcode], answer.Addresses)
			}
		}
	}
	return b.String()
}

func writeAddresses(b *strings.Builder, name string, ttl uint32, addresses []netip.Addr) {
	for _, address := range addresses {
		rrtype := "A"
		if address.Is6() {
			rrtype = "AAAA"
		}
		fmt.Fprintf(b, "%s. %d IN %s %s\n", name, ttl, rrtype, address)
	}
}

// notReady returns the reason why the server should not receive queries, and the empty string if it
// should.
func (s *server) notReady() string {
	switch {
	case s.draining.Load():
		return "shutting down"
	case s.source.Snapshot() == nil:
		return "EndpointSlices are not synced yet"
	case !s.isSettled():
		return "gateways are probed for the first time"
	default:
		return ""
	}
}

// isSettled returns whether the gateways of the first snapshot have been probed. It stays true:
// gateways that are added later must not take all DNS servers of the cluster out of service.
func (s *server) isSettled() bool {
	if !s.settled.Load() && s.monitor.IsSettled() {
		s.settled.Store(true)
	}
	return s.settled.Load()
}
