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

package report

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

const gatewayName = "*.gateway.a.dev.clusters.xcc.test"

func verdict(address string, status reach.Status) reach.Verdict {
	target := reach.Target{Namespace: "dev", Cluster: "a", Gateway: gatewayName, Address: netip.MustParseAddr(address)}
	return reach.Verdict{Target: target, Status: status, IsProbed: true}
}

func unprobed(of reach.Verdict) reach.Verdict {
	of.IsProbed, of.Status = false, reach.Unknown
	return of
}

func reportOnly(of reach.Verdict) reach.Verdict {
	of.Target.Check = failover.HealthCheck{ReportOnly: true}
	return of
}

func TestOf(t *testing.T) {
	t.Parallel()
	key := reachability.KeyOf(gatewayName)
	up, down := reachability.Report{Up: []reachability.Key{key}}, reachability.Report{Down: []reachability.Key{key}}
	for name, test := range map[string]struct {
		verdicts []reach.Verdict
		want     reachability.Report
	}{
		"no verdict":                                {nil, reachability.Report{}},
		"an address works":                          {[]reach.Verdict{verdict("192.0.2.1", reach.Up)}, up},
		"the only address is down":                  {[]reach.Verdict{verdict("192.0.2.1", reach.Down)}, down},
		"one of two addresses is down":              {[]reach.Verdict{verdict("192.0.2.1", reach.Down), verdict("192.0.2.2", reach.Up)}, up},
		"both addresses are down":                   {[]reach.Verdict{verdict("192.0.2.1", reach.Down), verdict("192.0.2.2", reach.Down)}, down},
		"one is down and the other is unknown":      {[]reach.Verdict{verdict("192.0.2.1", reach.Down), verdict("192.0.2.2", reach.Unknown)}, reachability.Report{}},
		"one works and the other is unknown":        {[]reach.Verdict{verdict("192.0.2.1", reach.Up), verdict("192.0.2.2", reach.Unknown)}, up},
		"IPv4 is down and IPv6 works":               {[]reach.Verdict{verdict("192.0.2.1", reach.Down), verdict("2001:db8::1", reach.Up)}, down},
		"IPv4 works and IPv6 is down":               {[]reach.Verdict{verdict("192.0.2.1", reach.Up), verdict("2001:db8::1", reach.Down)}, up},
		"IPv4 is not probed and IPv6 decides":       {[]reach.Verdict{unprobed(verdict("192.0.2.1", reach.Up)), verdict("2001:db8::1", reach.Down)}, down},
		"only IPv6 is probed, and works":            {[]reach.Verdict{verdict("2001:db8::1", reach.Up)}, up},
		"nothing is probed":                         {[]reach.Verdict{unprobed(verdict("192.0.2.1", reach.Up))}, reachability.Report{}},
		"verdicts that change no answer are listed": {[]reach.Verdict{reportOnly(verdict("192.0.2.1", reach.Down))}, down},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(Of(test.verdicts)).To(Equal(test.want))
		})
	}
}

func TestTheSizeOfAReport(t *testing.T) {
	t.Parallel()
	var verdicts []reach.Verdict
	for i := range 1000 {
		of := verdict("192.0.2.1", reach.Up)
		of.Target.Gateway = fmt.Sprintf("*.gateway.cluster-%d.dev.clusters.xcc.test", i)
		verdicts = append(verdicts, of)
	}
	size := len(Of(verdicts).Encode())
	t.Logf("1,000 gateways are %d bytes", size)
	NewWithT(t).Expect(size).To(BeNumerically("<", 15_000))
}

func TestAReportIsComputedOncePerSecond(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	now, asked := time.Unix(1000, 0), 0
	cached := &cache{now: func() time.Time { return now }, verdicts: func() []reach.Verdict { asked++; return nil }}
	for range 3 {
		cached.report()
	}
	g.Expect(asked).To(Equal(1))
	now = now.Add(maxAge)
	cached.report()
	g.Expect(asked).To(Equal(2))
}

func TestOnlyTheReportIsServed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	handler := Handler(func() []reach.Verdict { return []reach.Verdict{verdict("192.0.2.1", reach.Down)} })
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		return w
	}
	response := ask(http.MethodGet, Path)
	g.Expect(response.Code).To(Equal(http.StatusOK))
	g.Expect(reachability.Parse(response.Body.Bytes())).To(Equal(reachability.Report{Down: []reachability.Key{reachability.KeyOf(gatewayName)}}))
	g.Expect(ask(http.MethodPost, Path).Code).To(Equal(http.StatusMethodNotAllowed))
	g.Expect(ask(http.MethodGet, "/metrics").Code).To(Equal(http.StatusNotFound))
}
