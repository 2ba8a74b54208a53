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

package answer_test

import (
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
)

// RFC 2782: the target of an SRV record must not be an alias. The server knows the aliases of its
// own zones.
func TestAServiceLeadsToTheEndOfAliases(t *testing.T) {
	t.Parallel()
	udp, tcp := dnstest.Serve(t, dnstest.NewHandler(dnstest.Snapshot()))
	for name, ask := range map[string]ask{
		"handler": throughHandler(dnstest.NewHandler(dnstest.Snapshot())), "udp": dnstest.Over("udp", udp), "tcp": dnstest.Over("tcp", tcp),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			response := ask(g, dnstest.Question("_https._tcp.inner-svc.xcc.test.", dns.TypeSRV))
			g.Expect(response.Answer).To(HaveLen(1))
			g.Expect(response.Answer[0].(*dns.SRV).Target).To(Equal("lb.example.com."))
			g.Expect(response.Extra).NotTo(BeEmpty(), "the addresses of the target")
			response = ask(g, dnstest.Question("_https._tcp.loop-svc.xcc.test.", dns.TypeSRV))
			g.Expect(response.Rcode).To(Equal(dns.RcodeServerFailure), "aliases in a circle")
			g.Expect(response.Answer).To(BeEmpty())
		})
	}
}
