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

package fair

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// queueMetrics are the series of one queue in the metrics that controller-runtime's own queues have.
type queueMetrics struct {
	depths, unfinished, longestRunning prometheus.Gauge
	adds                               prometheus.Counter
	latency, workDuration              prometheus.Observer
}

func newQueueMetrics(name string) *queueMetrics {
	labels := []string{"name", "controller"}
	gauge := func(key, help string, labels ...string) *prometheus.GaugeVec {
		return registered(prometheus.NewGaugeVec(prometheus.GaugeOpts{Subsystem: metrics.WorkQueueSubsystem, Name: key, Help: help}, labels))
	}
	histogram := func(key, help string) *prometheus.HistogramVec {
		return registered(prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Subsystem: metrics.WorkQueueSubsystem, Name: key, Help: help, Buckets: prometheus.ExponentialBuckets(10e-9, 10, 12),
		}, labels))
	}
	adds := registered(prometheus.NewCounterVec(prometheus.CounterOpts{
		Subsystem: metrics.WorkQueueSubsystem, Name: metrics.AddsKey, Help: "Total number of adds handled by workqueue",
	}, labels))
	return &queueMetrics{
		depths: gauge(metrics.DepthKey, "Current depth of workqueue by workqueue and priority", "name", "controller", "priority").
			WithLabelValues(name, name, ""),
		unfinished: gauge(metrics.UnfinishedWorkKey, "How many seconds of work has been done that "+
			"is in progress and hasn't been observed by work_duration. Large "+
			"values indicate stuck threads. One can deduce the number of stuck "+
			"threads by observing the rate at which this increases.", labels...).WithLabelValues(name, name),
		longestRunning: gauge(metrics.LongestRunningProcessorKey, "How many seconds has the longest running "+
			"processor for workqueue been running.", labels...).WithLabelValues(name, name),
		adds:         adds.WithLabelValues(name, name),
		latency:      histogram(metrics.QueueLatencyKey, "How long in seconds an item stays in workqueue before being requested").WithLabelValues(name, name),
		workDuration: histogram(metrics.WorkDurationKey, "How long in seconds processing an item from workqueue takes.").WithLabelValues(name, name),
	}
}

// registered returns the collector of the same name and help that controller-runtime registered, which it does not
// export.
func registered[C prometheus.Collector](collector C) C {
	var already prometheus.AlreadyRegisteredError
	if err := metrics.Registry.Register(collector); errors.As(err, &already) {
		if former, ok := already.ExistingCollector.(C); ok {
			return former
		}
	}
	return collector
}

func (m *queueMetrics) added()                 { m.adds.Inc() }
func (m *queueMetrics) depth(queued int)       { m.depths.Set(float64(queued)) }
func (m *queueMetrics) waited(since time.Time) { m.latency.Observe(time.Since(since).Seconds()) }
func (m *queueMetrics) worked(since time.Time) { m.workDuration.Observe(time.Since(since).Seconds()) }

// watch brings the metrics of unfinished work up to date until the queue is shut down.
func (m *queueMetrics) watch(queue *requests) {
	const interval = 500 * time.Millisecond // As client-go's queue does.
	for range time.Tick(interval) {
		if queue.ShuttingDown() {
			return
		}
		total, longest := queue.longest(time.Now())
		m.unfinished.Set(total.Seconds())
		m.longestRunning.Set(longest.Seconds())
	}
}
