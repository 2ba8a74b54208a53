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

package metrics

import (
	"sync"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// queries adds up the counters of all sockets at each scrape.
type queries struct {
	total, dropped, duration *prometheus.Desc

	mu       sync.Mutex
	counters []*query.Counters
}

func newQueries() *queries {
	return &queries{
		total: prometheus.NewDesc("xcc_dns_queries_total",
			"Queries answered, by transport (udp or tcp), type (other for rare types) and rcode of the response.",
			[]string{"transport", "type", "rcode"}, nil),
		dropped: prometheus.NewDesc("xcc_dns_queries_dropped_total",
			"Packets without a response, by transport and reason: no_query (too short, too long, or a response) or not_sent.",
			[]string{"transport", "reason"}, nil),
		duration: prometheus.NewDesc("xcc_dns_query_duration_seconds",
			"Time from reading a query to sending its response, by transport. Responses to queries that are read together are sent together.",
			[]string{"transport"}, nil),
	}
}

// Count adds the counters of sockets.
func (m *Metrics) Count(counters ...*query.Counters) {
	m.queries.mu.Lock()
	defer m.queries.mu.Unlock()
	m.queries.counters = append(m.queries.counters, counters...)
}

// Describe implements prometheus.Collector.
func (q *queries) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- q.total
	descriptions <- q.dropped
	descriptions <- q.duration
}

// Collect implements prometheus.Collector.
func (q *queries) Collect(found chan<- prometheus.Metric) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, transport := range []query.Transport{query.UDP, query.TCP} {
		q.collectTotal(found, transport)
		q.collectDropped(found, transport)
		q.collectDuration(found, transport)
	}
}

func (q *queries) collectTotal(found chan<- prometheus.Metric, transport query.Transport) {
	type key struct {
		qtype uint16
		rcode int
	}
	sums := map[key]uint64{}
	for _, counters := range q.counters {
		if counters.Transport == transport {
			counters.Responses(func(qtype uint16, rcode int, count uint64) { sums[key{qtype, rcode}] += count })
		}
	}
	for key, sum := range sums {
		if sum == 0 {
			continue
		}
		name := "other"
		if key.qtype != dns.TypeNone {
			name = dns.TypeToString[key.qtype]
		}
		found <- prometheus.MustNewConstMetric(q.total, prometheus.CounterValue, float64(sum),
			transport.String(), name, dns.RcodeToString[key.rcode])
	}
}

func (q *queries) collectDropped(found chan<- prometheus.Metric, transport query.Transport) {
	for _, reason := range query.DropReasons {
		var sum uint64
		for _, counters := range q.counters {
			if counters.Transport == transport {
				sum += counters.Dropped(reason)
			}
		}
		found <- prometheus.MustNewConstMetric(q.dropped, prometheus.CounterValue, float64(sum), transport.String(), reason.String())
	}
}

func (q *queries) collectDuration(found chan<- prometheus.Metric, transport query.Transport) {
	buckets := make(map[float64]uint64, len(query.DurationBounds))
	var total uint64
	var seconds float64
	for _, counters := range q.counters {
		if counters.Transport != transport {
			continue
		}
		upTo, count, sum := counters.Durations()
		for i, n := range upTo {
			buckets[query.DurationBounds[i].Seconds()] += n
		}
		total += count
		seconds += sum.Seconds()
	}
	found <- prometheus.MustNewConstHistogram(q.duration, total, seconds, buckets, transport.String())
}
