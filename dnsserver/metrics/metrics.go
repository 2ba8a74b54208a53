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

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// Metrics are the metrics of one DNS server.
type Metrics struct {
	registry *prometheus.Registry

	names         prometheus.Gauge
	ignored       *prometheus.GaugeVec
	serial        *prometheus.GaugeVec
	snapshotTime  prometheus.Gauge
	snapshotBuild prometheus.Histogram
	propagation   prometheus.Histogram
	syncTime      prometheus.Gauge
	watchErrors   prometheus.Counter
	lookups       *prometheus.CounterVec
	probes        probes
	queries       *queries
}

// New returns metrics with a registry of their own. It also has metrics of the process and the Go
// runtime.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		names: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "xcc_dns_records",
			Help: "Names that have addresses or an alias.",
		}),
		ignored: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "xcc_dns_slices_ignored",
			Help: "EndpointSlices with a part that is not served, by reason.",
		}, []string{"reason"}),
		serial: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "xcc_dns_zone_serial",
			Help: "Serial of the zone.",
		}, []string{"zone"}),
		snapshotTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "xcc_dns_snapshot_timestamp_seconds",
			Help: "Time of the last change of the served records, in seconds since 1970; 0 before the first sync.",
		}),
		snapshotBuild: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "xcc_dns_snapshot_build_seconds",
			Help:    "Time to bring the served records up to date with the EndpointSlices.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 4, 10),
		}),
		propagation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "xcc_dns_propagation_seconds",
			Help:    "Time from the arrival of an EndpointSlice's change to the snapshot that serves it, for each name that it concerns.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 15),
		}),
		syncTime: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "xcc_dns_last_sync_timestamp_seconds",
			Help: "Time of the last confirmation by the API server that the records are recent, in seconds since 1970; 0 before the first sync.",
		}),
		watchErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "xcc_dns_watch_errors_total",
			Help: "Failures to list or watch EndpointSlices. Meanwhile the last known records are served.",
		}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xcc_dns_alias_lookups_total",
			Help: "Lookups of alias targets, by result; kept is a failure after which the last good addresses are served.",
		}, []string{"result"}),
		probes:  newProbes(),
		queries: newQueries(),
	}
	for _, outcome := range alias.Outcomes {
		m.lookups.WithLabelValues(string(outcome))
	}
	m.registry.MustRegister(m.names, m.ignored, m.serial, m.snapshotTime, m.snapshotBuild, m.propagation, m.syncTime,
		m.watchErrors, m.lookups, m.probes.results, m.probes.lateness, m.queries,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Registry returns the registry, for a handler.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// ObserveSnapshot records the current snapshot and the time that it took to compute.
func (m *Metrics) ObserveSnapshot(snapshot *zone.Snapshot, took time.Duration) {
	m.names.Set(float64(snapshot.Len()))
	for _, z := range snapshot.Zones() {
		m.serial.WithLabelValues(z.Apex()).Set(float64(z.Serial()))
	}
	m.snapshotTime.SetToCurrentTime()
	m.snapshotBuild.Observe(took.Seconds())
}

// ObservePropagation records the time from a change of a name to the snapshot that serves it.
func (m *Metrics) ObservePropagation(took time.Duration) { m.propagation.Observe(took.Seconds()) }

// ObserveProblems records the number of slices with each problem.
func (m *Metrics) ObserveProblems(counts map[records.Reason]int) {
	for _, reason := range records.Reasons {
		m.ignored.WithLabelValues(string(reason)).Set(float64(counts[reason]))
	}
}

// ObserveSync records that the API server has confirmed that the records are recent.
func (m *Metrics) ObserveSync() { m.syncTime.SetToCurrentTime() }

// ObserveWatchError counts a failed list or watch.
func (m *Metrics) ObserveWatchError() { m.watchErrors.Inc() }

// ObserveLookup counts a lookup of an alias target.
func (m *Metrics) ObserveLookup(outcome alias.Outcome) {
	m.lookups.WithLabelValues(string(outcome)).Inc()
}
