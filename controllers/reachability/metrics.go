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

package reachability

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Metrics count the unreachable gateways in the status of GatewayDNS.
type Metrics struct {
	reader      client.Reader
	description *prometheus.Desc
}

// NewMetrics returns Metrics. reader lists GatewayDNS at each scrape, from the cache.
func NewMetrics(reader client.Reader) *Metrics {
	return &Metrics{reader: reader, description: prometheus.NewDesc(
		"xcc_gateways_unreachable", "Gateways that at least one consuming cluster cannot reach.", []string{"namespace"}, nil)}
}

// WhileActive exports the metrics while this replica of the manager is the active one.
func (m *Metrics) WhileActive(registerer prometheus.Registerer) manager.Runnable {
	return manager.RunnableFunc(func(ctx context.Context) error {
		if err := registerer.Register(m); err != nil {
			return fmt.Errorf("registering the metrics of reachability: %w", err)
		}
		defer registerer.Unregister(m)
		<-ctx.Done()
		return nil
	})
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- m.description }

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	list := &xccv1.GatewayDNSList{}
	if err := m.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		metrics <- prometheus.NewInvalidMetric(m.description, fmt.Errorf("listing GatewayDNS: %w", err))
		return
	}
	unreachable := map[string]int32{}
	for i := range list.Items {
		if status := list.Items[i].Status.Reachability; status != nil {
			unreachable[list.Items[i].Namespace] += ptr.Deref(status.Unreachable, 0)
		}
	}
	for namespace, count := range unreachable {
		metrics <- prometheus.MustNewConstMetric(m.description, prometheus.GaugeValue, float64(count), namespace)
	}
}
