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

package upstream

import (
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
)

const zone = `
lb-1.example.com. A 198.18.0.23
lb-1.example.com. A 198.18.0.24
lb.example.com. CNAME   lb-1.example.com.
loop.example.com. CNAME loop.example.com.
lb-1.example.com. AAAA 2001:2::23
nowhere.example.com. CNAME nobody.example.com.
`

func TestLookupFollowsCNAMEs(t *testing.T) {
	t.Parallel()
	records, err := Parse(zone)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, tc := range []struct {
		name  string
		qname string
		qtype uint16
		want  []string
		rcode int
	}{
		{name: "addresses", qname: "LB-1.example.com.", qtype: dns.TypeA, want: []string{"198.18.0.23", "198.18.0.24"}},
		{name: "another family behind an alias", qname: "lb.example.com.", qtype: dns.TypeAAAA, want: []string{"lb-1.example.com.", "2001:2::23"}},
		{name: "the alias itself", qname: "lb.example.com.", qtype: dns.TypeCNAME, want: []string{"lb-1.example.com."}},
		{name: "no record of the type", qname: "lb-1.example.com.", qtype: dns.TypeTXT},
		{name: "no such name", qname: "nobody.example.com.", qtype: dns.TypeA, rcode: dns.RcodeNameError},
		{name: "an alias to no such name", qname: "nowhere.example.com.", qtype: dns.TypeA, want: []string{"nobody.example.com."}, rcode: dns.RcodeNameError},
		{name: "an alias to itself", qname: "loop.example.com.", qtype: dns.TypeA, rcode: dns.RcodeServerFailure},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			answer, rcode := lookup(records, dns.Question{Name: tc.qname, Qtype: tc.qtype, Qclass: dns.ClassINET})
			var got []string
			for _, record := range answer {
				got = append(got, dns.Field(record, 1))
				g.Expect(record.Header().Ttl).To(BeEquivalentTo(2))
			}
			g.Expect(got).To(Equal(tc.want))
			g.Expect(rcode).To(Equal(tc.rcode))
		})
	}
}
