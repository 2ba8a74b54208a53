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

package query_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

func TestACodeThatIsNotCountedIsAFailure(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var counters query.Counters
	counters.Count(dns.TypeA, dns.RcodeYXDomain)
	counted := map[int]uint64{}
	counters.Responses(func(_ uint16, rcode int, count uint64) { counted[rcode] += count })
	g.Expect(counted).To(HaveKeyWithValue(dns.RcodeServerFailure, uint64(1)))
	g.Expect(counted).To(HaveKeyWithValue(dns.RcodeSuccess, uint64(0)))
}

// All connections share their counters.
func TestOneInSoManyQueriesIsLoggedWhoeverElseAsks(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	packet, err := dnstest.Question("plain.xcc.test.", dns.TypeA).Pack()
	g.Expect(err).NotTo(HaveOccurred())
	var logged atomic.Int64
	handler, counters := dnstest.NewHandler(dnstest.Snapshot()), &query.Counters{}
	handler.LogEvery, handler.Log = 7, func(answer.LogEntry) { logged.Add(1) }
	var running sync.WaitGroup
	for range 7 {
		running.Go(func() {
			for range 5_000 {
				handler.Answer(nil, query.Query{Packet: packet, Counters: counters})
			}
		})
	}
	running.Wait()
	g.Expect(logged.Load()).To(BeEquivalentTo(5_000))
}
