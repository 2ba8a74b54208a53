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

package controller

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// metrics are those of one controller.
type metrics struct {
	state  *prometheus.GaugeVec
	writes prometheus.Counter
}

func newMetrics(registerer prometheus.Registerer) metrics {
	m := metrics{
		state: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "xcc_corefile_state",
			Help: "1 for the state that the Corefile is in, 0 for the others.",
		}, []string{"state"}),
		writes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "xcc_corefile_writes_total",
			Help: "Number of times that the Corefile was written.",
		}),
	}
	registerer.MustRegister(m.state, m.writes)
	return m
}

func (m metrics) setState(current report.State) {
	for _, state := range report.States() {
		value := 0.0
		if state == current {
			value = 1
		}
		m.state.WithLabelValues(string(state)).Set(value)
	}
}
