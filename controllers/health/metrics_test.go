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
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestTheGaugeCountsClustersByReason(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var reasons atomic.Value
	reasons.Store([]string{})
	clusters := newGauge(func() []string { return reasons.Load().([]string) })
	registry := prometheus.NewPedanticRegistry()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- clusters.whileActive(registry).Start(ctx) }()

	g.Eventually(func() (int, error) { return testutil.GatherAndCount(registry) }).Should(Equal(len(Reasons())))
	reasons.Store([]string{"Ready", "ProbeFailed"})
	g.Expect(valueOf(g, registry, "Ready")).To(Equal(1.0))
	reasons.Store([]string{"Ready", "Ready"})
	g.Expect(valueOf(g, registry, "Ready")).To(Equal(2.0))
	g.Expect(valueOf(g, registry, "ProbeFailed")).To(Equal(0.0))
	reasons.Store([]string{"SomethingElse"})
	g.Expect(valueOf(g, registry, "Ready")).To(Equal(0.0))
	g.Expect(testutil.GatherAndCount(registry)).To(Equal(len(Reasons())), "the label set is closed")

	cancel()
	g.Eventually(ended).Should(Receive(BeNil()))
	g.Expect(testutil.GatherAndCount(registry)).To(BeZero(), "a manager that is not active exports nothing")
}

func valueOf(g Gomega, registry *prometheus.Registry, reason string) float64 {
	families, err := registry.Gather()
	g.Expect(err).NotTo(HaveOccurred())
	for _, metric := range families[0].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "reason" && label.GetValue() == reason {
				return metric.GetGauge().GetValue()
			}
		}
	}
	return -1
}
