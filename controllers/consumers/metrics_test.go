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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// oneGateway is a cache that has one GatewayDNS.
type oneGateway struct{ client.Reader }

func (oneGateway) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*xccv1.GatewayDNSList).Items = []xccv1.GatewayDNS{gatewayDNS("192.0.2.1")}
	return nil
}

func TestOnlyTheActiveManagerCountsGateways(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	registry := prometheus.NewPedanticRegistry()
	metrics, err := NewMetrics(registry, oneGateway{})
	g.Expect(err).NotTo(HaveOccurred())
	exported := func() (int, error) { return testutil.GatherAndCount(registry, "xcc_gateways") }
	g.Expect(exported()).To(BeZero(), "a manager that is not active exports nothing")

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- metrics.WhileActive(registry).Start(ctx) }()
	g.Eventually(exported).Should(Equal(1))
	cancel()
	g.Eventually(ended).Should(Receive(BeNil()))
	g.Expect(exported()).To(BeZero(), "nor does one that was")
}

// anyStates is a cache that has a GatewayDNS in whose status somebody wrote what came to mind.
type anyStates struct{ client.Reader }

func (anyStates) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	object := gatewayDNS("192.0.2.1")
	object.Status.Gateways = nil
	for i := range 1000 {
		object.Status.Gateways = append(object.Status.Gateways, xccv1.GatewayStatus{State: xccv1.GatewayState(fmt.Sprint("state-", i))})
	}
	object.Status.Gateways = append(object.Status.Gateways, xccv1.GatewayStatus{State: xccv1.GatewayUnreachable}, xccv1.GatewayStatus{State: xccv1.GatewayNoAddress})
	list.(*xccv1.GatewayDNSList).Items = []xccv1.GatewayDNS{object}
	return nil
}

func TestStatesThatAreUnknownHereShareOneSeries(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	metrics, err := NewMetrics(prometheus.NewPedanticRegistry(), anyStates{})
	g.Expect(err).NotTo(HaveOccurred())
	namespace := gatewayDNS("192.0.2.1").Namespace
	g.Expect(testutil.CollectAndCompare(metrics.Gateways(), strings.NewReader(fmt.Sprintf(`
# HELP xcc_gateways Gateways in the status of GatewayDNS.
# TYPE xcc_gateways gauge
xcc_gateways{namespace=%[1]q,state="NoAddress"} 1
xcc_gateways{namespace=%[1]q,state="Other"} 1000
xcc_gateways{namespace=%[1]q,state="Unreachable"} 1
`, namespace)))).To(Succeed())
}
