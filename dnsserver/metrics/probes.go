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
	"cmp"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
)

// maxDown is the largest number of gateways that the metrics name, the ones with the most dead
// addresses first. Each is a time series.
const maxDown = 100

// probeResults are all results of probes.
var probeResults = []reach.Result{
	reach.Success, reach.Refused, reach.TimedOut, reach.BadStatus, reach.BadResponse, reach.BadHandshake, reach.Unreachable,
	reach.Inconclusive, reach.Failed,
}

// probes are the metrics of probes.
type probes struct {
	results  *prometheus.CounterVec
	lateness prometheus.Histogram
}

func newProbes() probes {
	p := probes{
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xcc_dns_probes_total",
			Help: "Probes of gateways, by result.",
		}, []string{"result"}),
		lateness: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "xcc_dns_probe_lateness_seconds",
			Help:    "Time from when a probe was due to its start. It grows if more probes are due than the limit of 100 per second.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}),
	}
	for _, result := range probeResults {
		p.results.WithLabelValues(string(result))
	}
	return p
}

// ObserveProbe records the result of a probe.
func (m *Metrics) ObserveProbe(outcome reach.Outcome) {
	m.probes.results.WithLabelValues(string(outcome.Result)).Inc()
	m.probes.lateness.Observe(outcome.Late.Seconds())
}

// CollectVerdicts collects the current verdicts on gateways at each scrape.
func (m *Metrics) CollectVerdicts(all func() []reach.Verdict) {
	m.registry.MustRegister(newVerdicts(all))
}

// verdicts collects the state of the probed addresses at each scrape.
type verdicts struct {
	all             func() []reach.Verdict
	addresses, down *prometheus.Desc
}

func newVerdicts(all func() []reach.Verdict) *verdicts {
	return &verdicts{
		all: all,
		addresses: prometheus.NewDesc("xcc_dns_probed_addresses",
			"Probed addresses of gateways, by state: up, down or unknown.", []string{"state"}, nil),
		down: prometheus.NewDesc("xcc_dns_gateway_addresses_down",
			"Addresses of a gateway that fail their health check; at most 100 gateways, those with the most first.", []string{"gateway"}, nil),
	}
}

func (v *verdicts) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- v.addresses
	descriptions <- v.down
}

func (v *verdicts) Collect(metrics chan<- prometheus.Metric) {
	states := map[string]int{reach.Up.String(): 0, reach.Down.String(): 0, reach.Unknown.String(): 0}
	down := map[string]int{}
	for _, verdict := range v.all() {
		states[verdict.Status.String()]++
		if verdict.Status == reach.Down {
			down[verdict.Target.Gateway]++
		}
	}
	for state, count := range states {
		metrics <- prometheus.MustNewConstMetric(v.addresses, prometheus.GaugeValue, float64(count), state)
	}
	for _, gateway := range worst(down) {
		metrics <- prometheus.MustNewConstMetric(v.down, prometheus.GaugeValue, float64(down[gateway]), gateway)
	}
}

// worst returns the gateways with the most dead addresses, at most maxDown.
func worst(down map[string]int) []string {
	gateways := make([]string, 0, len(down))
	for gateway := range down {
		gateways = append(gateways, gateway)
	}
	slices.SortFunc(gateways, func(a, b string) int { return cmp.Or(cmp.Compare(down[b], down[a]), cmp.Compare(a, b)) })
	return gateways[:min(len(gateways), maxDown)]
}
