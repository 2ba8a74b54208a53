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

package metrics_test

import (
	"math"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/metrics"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

func TestNoClientCanMakeMetricsGrow(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	m := metrics.New()
	snapshot := dnstest.Snapshot()
	handler := &answer.Handler{Snapshot: func() *zone.Snapshot { return snapshot }, Aliases: alias.New(alias.Options{})}
	// Two sockets have their own counters. The metrics add them up.
	counters := []*query.Counters{{}, {}}
	m.Count(counters...)
	for qtype := range math.MaxUint16 + 1 {
		packet, err := new(dns.Msg).SetQuestion("plain.xcc.test.", uint16(qtype)).Pack()
		if err != nil {
			t.Fatal(err)
		}
		handler.Answer(nil, query.Query{Packet: packet, Counters: counters[qtype%2]})
	}
	families, err := m.Registry().Gather()
	g.Expect(err).NotTo(HaveOccurred())
	counted := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "xcc_dns_queries_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "type" {
					counted[label.GetValue()] += metric.GetCounter().GetValue()
				}
			}
		}
	}
	g.Expect(counted).To(HaveLen(13), "twelve types and the rest")
	g.Expect(counted).To(HaveKeyWithValue("AAAA", 1.0))
	g.Expect(counted).To(HaveKeyWithValue("other", float64(math.MaxUint16+1-12)))
}
