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

package health

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// NewCollector returns the metrics of this package, for whoever lists them.
func NewCollector() prometheus.Collector { return newGauge(func() []string { return nil }) }

// gauge counts the Clusters by what their condition says. It has one series for each reason, whatever the Clusters, so that
// a reason that nothing has is 0.
type gauge struct {
	description *prometheus.Desc
	// reasons returns the reason of each Cluster's condition.
	reasons func() []string
}

func newGauge(reasons func() []string) *gauge {
	return &gauge{
		description: prometheus.NewDesc("xcc_clusters",
			"Number of Clusters whose condition DNSReady has the status and the reason.", []string{"status", "reason"}, nil),
		reasons: reasons,
	}
}

// Describe implements prometheus.Collector.
func (g *gauge) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- g.description }

// Collect implements prometheus.Collector.
func (g *gauge) Collect(collected chan<- prometheus.Metric) {
	counts := map[string]float64{}
	for _, reason := range g.reasons() {
		counts[reason]++
	}
	for _, reason := range Reasons() {
		collected <- prometheus.MustNewConstMetric(g.description, prometheus.GaugeValue, counts[reason], string(Status(reason)), reason)
	}
}

// whileActive exports the metrics while this manager is the active one, so that the sum over its replicas counts each
// Cluster once.
func (g *gauge) whileActive(registerer prometheus.Registerer) manager.Runnable {
	return manager.RunnableFunc(func(ctx context.Context) error {
		if err := registerer.Register(g); err != nil {
			return fmt.Errorf("registering the metrics of health: %w", err)
		}
		defer registerer.Unregister(g)
		<-ctx.Done()
		return nil
	})
}
