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

package probe

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of one Prober.
type metrics struct {
	probes   *prometheus.CounterVec
	duration prometheus.Histogram
}

func newMetrics(registerer prometheus.Registerer) metrics {
	m := metrics{
		probes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xcc_probes_total",
			Help: "Number of lookups of a name in a zone through the cluster's own DNS.",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "xcc_probe_duration_seconds",
			Help:    "Time that a lookup through the cluster's own DNS took that succeeded.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
	}
	registerer.MustRegister(m.probes, m.duration)
	for _, result := range results() {
		m.probes.WithLabelValues(string(result))
	}
	return m
}

// observe counts one lookup, which failed with the error if there is one.
func (m metrics) observe(took time.Duration, err error) {
	if err == nil {
		m.probes.WithLabelValues(string(success)).Inc()
		m.duration.Observe(took.Seconds())
		return
	}
	found := noAnswer
	if f, ok := errors.AsType[*failure](err); ok {
		found = f.result
	}
	m.probes.WithLabelValues(string(found)).Inc()
}
