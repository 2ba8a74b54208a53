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
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/wire"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Metrics are those of one DNS server.
type Metrics struct {
	registry *prometheus.Registry

	queries       *prometheus.CounterVec
	duration      *prometheus.HistogramVec
	names         prometheus.Gauge
	ignored       *prometheus.GaugeVec
	serial        *prometheus.GaugeVec
	snapshotTime  prometheus.Gauge
	snapshotBuild prometheus.Histogram
	watchErrors   prometheus.Counter
}

// New returns metrics with a registry of their own, which has the metrics of the process and the Go runtime too.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xcc_dns_queries_total",
			Help: "Queries answered, by transport (udp or tcp), type (other for one that is rarely asked) and rcode of the response.",
		}, []string{"transport", "type", "rcode"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "xcc_dns_query_duration_seconds",
			Help:    "Time from a parsed query to the response that was sent, by transport.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 4, 9),
		}, []string{"transport"}),
		names: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "xcc_dns_records",
			Help: "Names that have addresses or an alias.",
		}),
		ignored: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "xcc_dns_slices_ignored",
			Help: "EndpointSlices of which something is not served, by reason.",
		}, []string{"reason"}),
		serial: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "xcc_dns_zone_serial",
			Help: "Serial of the zone.",
		}, []string{"zone"}),
		snapshotTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "xcc_dns_snapshot_timestamp_seconds",
			Help: "When what is served last changed, in seconds since 1970; 0 before the first sync.",
		}),
		snapshotBuild: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "xcc_dns_snapshot_build_seconds",
			Help:    "Time it took to compute what is served from the EndpointSlices.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 9),
		}),
		watchErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "xcc_dns_watch_errors_total",
			Help: "Failures to list or watch EndpointSlices. What was known before is served meanwhile.",
		}),
	}
	m.registry.MustRegister(m.queries, m.duration, m.names, m.ignored, m.serial, m.snapshotTime, m.snapshotBuild, m.watchErrors,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry returns what gathers the metrics.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// ObserveQuery counts a response.
func (m *Metrics) ObserveQuery(o wire.Observation) {
	m.queries.WithLabelValues(o.Transport, typeLabel(o.Type), dns.RcodeToString[o.Rcode]).Inc()
	m.duration.WithLabelValues(o.Transport).Observe(o.Duration.Seconds())
}

// typeLabel returns the name of the types that clients ask for, and other for the rest of the 65536.
func typeLabel(qtype uint16) string {
	switch qtype {
	case dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeMX, dns.TypeNS, dns.TypePTR, dns.TypeSOA,
		dns.TypeSRV, dns.TypeSVCB, dns.TypeTXT:
		return dns.TypeToString[qtype]
	default:
		return "other"
	}
}

// ObserveSnapshot records what is served now, and how long it took to compute.
func (m *Metrics) ObserveSnapshot(snapshot *zone.Snapshot, names int, took time.Duration) {
	m.names.Set(float64(names))
	for apex, z := range snapshot.Zones() {
		m.serial.WithLabelValues(apex).Set(float64(z.Serial()))
	}
	m.snapshotTime.SetToCurrentTime()
	m.snapshotBuild.Observe(took.Seconds())
}

// ObserveProblems records how many slices have each of the problems.
func (m *Metrics) ObserveProblems(problems []records.Problem) {
	type key struct {
		slice  string
		reason records.Reason
	}
	seen := make(map[key]bool, len(problems))
	count := make(map[records.Reason]int, len(records.Reasons))
	for _, problem := range problems {
		if k := (key{problem.Slice, problem.Reason}); !seen[k] {
			seen[k] = true
			count[problem.Reason]++
		}
	}
	for _, reason := range records.Reasons {
		m.ignored.WithLabelValues(string(reason)).Set(float64(count[reason]))
	}
}

// ObserveWatchError counts a failure to list or watch.
func (m *Metrics) ObserveWatchError() { m.watchErrors.Inc() }
