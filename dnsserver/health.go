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
	"bufio"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/miekg/dns"
)

// healthHandler serves /healthz, which says that the process runs, and /readyz, which says that queries should come here.
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

// listRecords lists what is served in the form of a zone file, with the targets of aliases as comments.
func (s *server) listRecords(w http.ResponseWriter, _ *http.Request) {
	snapshot := s.source.Snapshot()
	if snapshot == nil {
		http.Error(w, "nothing is known yet", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := bufio.NewWriter(w)
	defer out.Flush()
	for _, z := range snapshot.Zones() {
		fmt.Fprintf(out, "; zone %s. serial %d\n", z.Apex(), z.Serial())
	}
	for _, record := range snapshot.Records() {
		for _, address := range record.Addresses {
			rrtype := "A"
			if address.Is6() {
				rrtype = "AAAA"
			}
			fmt.Fprintf(out, "%s. %d IN %s %s\n", record.Name, s.options.TTL, rrtype, address)
		}
		if record.Alias != "" {
			fmt.Fprintf(out, "%s. %d IN CNAME %s.\n", record.Name, s.options.TTL, record.Alias)
			s.listTarget(out, record.Alias)
		}
	}
}

// listTarget lists what is known of the target of an alias.
func (s *server) listTarget(w io.Writer, target string) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer := s.aliases.Peek(target, qtype)
		if answer == nil {
			continue
		}
		fmt.Fprintf(w, ";   %s %s %s %v, TTL %d\n", target, dns.TypeToString[qtype], dns.RcodeToString[answer.Rcode], answer.Addresses,
			answer.TTL(time.Now()))
	}
}

// notReady returns why no queries should come here, and the empty string when they should.
func (s *server) notReady() string {
	switch {
	case s.draining.Load():
		return "shutting down"
	case s.source.Snapshot() == nil:
		return "EndpointSlices are not synced yet"
	default:
		return ""
	}
}
