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
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// debugRecords returns the response to GET /debug/records.
func debugRecords(t *testing.T, change func(s *server)) (int, string) {
	t.Helper()
	g := NewWithT(t)
	options := localOptions()
	options.DebugRecords = true
	s, err := newServer(t.Context(), options, &rest.Config{Host: "https://127.0.0.1:1"})
	g.Expect(err).NotTo(HaveOccurred())
	defer s.close()
	change(s)
	w := httptest.NewRecorder()
	s.healthHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/debug/records", http.NoBody))
	return w.Code, w.Body.String()
}

func TestWhatIsServedIsListedOnRequestOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	code, _ := debugRecords(t, func(s *server) { s.options.DebugRecords = false })
	g.Expect(code).To(Equal(http.StatusNotFound))
	code, _ = debugRecords(t, func(*server) {})
	g.Expect(code).To(Equal(http.StatusServiceUnavailable), "nothing is known yet")
	code, text := debugRecords(t, func(s *server) { s.listing.Lock() })
	g.Expect(code).To(Equal(http.StatusServiceUnavailable))
	g.Expect(text).To(ContainSubstring("another client"))

	now := time.Unix(1000, 0)
	snapshot := zone.New(zone.Content{Zones: []string{"xcc.test"}, Packer: answer.Packer{}}, now).With([]zone.Record{
		{
			Name: "*.b.xcc.test", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")},
			Services: []zone.Service{{Prefix: "_https._tcp", Port: 443}},
		},
		{Name: "a.xcc.test", Alias: "lb.example.com"},
		{
			Name: "*.shop.xcc.test",
			Choices: &zone.Choices{All: []zone.Choice{
				{Weight: 4, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}, {Weight: 1, Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.2")}},
			}},
			Services: []zone.Service{{Prefix: "_https._tcp", Port: 443, Priority: 1, Weight: 4, Target: "b.xcc.test"}},
		},
	}, now)
	peek := func(target string, qtype uint16) *alias.Answer {
		if target != "lb.example.com" || qtype != dns.TypeA {
			return nil
		}
		return &alias.Answer{Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.1")}}
	}
	g.Expect(listing(snapshot, 5, peek)).To(Equal(`; zone xcc.test. serial 1001
*._probe.xcc.test. 5 IN A 192.0.2.53
*.b.xcc.test. 5 IN A 10.0.0.1
*.b.xcc.test. 5 IN AAAA fd00::1
;   _https._tcp in front of it 5 IN SRV 0 0 443
; one of 2 choices, weight 4
*.shop.xcc.test. 5 IN A 10.0.0.1
; one of 2 choices, weight 1
*.shop.xcc.test. 5 IN A 10.0.0.2
;   _https._tcp in front of it 5 IN SRV 1 4 443 b.xcc.test.
a.xcc.test. 5 IN CNAME lb.example.com.
;   lb.example.com. 1 IN A NOERROR [198.51.100.1]
`))
}
