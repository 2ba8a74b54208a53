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

package reports

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	reports *prometheus.CounterVec
	writes  prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) metrics {
	m := metrics{
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xcc_reachability_reports_total", Help: "Number of times that a dns-server was asked for its report on gateways.",
		}, []string{"result"}),
		writes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "xcc_reachability_writes_total", Help: "Number of writes of the merged report on gateways.",
		}),
	}
	registerer.MustRegister(m.reports, m.writes)
	m.observe(0, 0)
	return m
}

// observe counts the answers of one round.
func (m metrics) observe(answered, failed int) {
	m.reports.WithLabelValues("success").Add(float64(answered))
	m.reports.WithLabelValues("failure").Add(float64(failed))
}
