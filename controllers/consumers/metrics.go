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

package consumers

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Metrics are what the manager counts and measures of gateways and records.
type Metrics struct {
	records     *prometheus.GaugeVec
	writes      *prometheus.CounterVec
	propagation prometheus.Histogram
	gateways    *gatewayCollector
}

// NewMetrics returns Metrics, registered in the place of those of a manager that ran in this process before, but for those that
// WhileActive registers. reader lists GatewayDNS at each scrape, from the cache.
func NewMetrics(registerer prometheus.Registerer, reader client.Reader) (*Metrics, error) {
	m := &Metrics{
		records: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "xcc_records_published", Help: "EndpointSlices that a consuming cluster holds for gateways.",
		}, []string{"namespace", "cluster"}),
		writes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xcc_record_writes_total", Help: "Writes of EndpointSlices in consuming clusters.",
		}, []string{"action", "result"}),
		propagation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "xcc_record_propagation_seconds", Help: "Time from the lastTransitionTime of a gateway in a status until a consuming cluster held the change.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600},
		}),
		gateways: &gatewayCollector{reader: reader, description: prometheus.NewDesc(
			"xcc_gateways", "Gateways in the status of GatewayDNS.", []string{"namespace", "state"}, nil)},
	}
	for _, collector := range []prometheus.Collector{m.records, m.writes, m.propagation} {
		registerer.Unregister(collector)
		if err := registerer.Register(collector); err != nil {
			return nil, fmt.Errorf("registering metrics: %w", err)
		}
	}
	return m, nil
}

// Gateways returns the metrics that WhileActive exports, for whoever lists them.
func (m *Metrics) Gateways() prometheus.Collector { return m.gateways }

// WhileActive exports what is counted in the cache, which every replica of the manager has, while this one is the active one, so
// that the sum over its replicas counts each gateway once.
func (m *Metrics) WhileActive(registerer prometheus.Registerer) manager.Runnable {
	return manager.RunnableFunc(func(ctx context.Context) error {
		if err := registerer.Register(m.gateways); err != nil {
			return fmt.Errorf("registering the metrics of gateways: %w", err)
		}
		defer registerer.Unregister(m.gateways)
		<-ctx.Done()
		return nil
	})
}

// Wrote counts an attempt to write an EndpointSlice. action is create, update, replace or delete; result is success, outdated or
// error.
func (m *Metrics) Wrote(action, result string) {
	m.writes.WithLabelValues(action, result).Inc()
}

// otherState is the label of states that this version does not know: the schema takes any text of 63 characters, and each would be
// a series of its own.
const otherState xccv1.GatewayState = "Other"

// gatewayCollector counts the gateways in the status of all GatewayDNS by state.
type gatewayCollector struct {
	reader      client.Reader
	description *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *gatewayCollector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- c.description
}

// Collect implements prometheus.Collector.
func (c *gatewayCollector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	list := &xccv1.GatewayDNSList{}
	if err := c.reader.List(ctx, list); err != nil {
		metrics <- prometheus.NewInvalidMetric(c.description, fmt.Errorf("listing GatewayDNS: %w", err))
		return
	}
	type key struct {
		namespace string
		state     xccv1.GatewayState
	}
	counts := map[key]int{}
	for i := range list.Items {
		for _, gateway := range list.Items[i].Status.Gateways {
			state := gateway.State
			if !state.Known() {
				state = otherState
			}
			counts[key{list.Items[i].Namespace, state}]++
		}
	}
	for key, count := range counts {
		metrics <- prometheus.MustNewConstMetric(c.description, prometheus.GaugeValue, float64(count), key.namespace, string(key.state))
	}
}
