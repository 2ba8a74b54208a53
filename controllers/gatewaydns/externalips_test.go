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

package gatewaydns_test

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestAGatewayWithExternalIPs(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeClusterIP)
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	n.addGatewayOf("gw", service, xccv1.ResolutionTypeExternalIPs)
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayNoAddress), HaveField("Message", ContainSubstring("has no spec.externalIPs")),
	)))
	service.Spec.ExternalIPs = []string{"192.0.2.41", "2001:db8::41"}
	n.Expect(fleet.WorkloadA.Update(ctx, service)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("cluster-a"))).Should(ConsistOf("192.0.2.41", "2001:db8::41"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("Message", ContainSubstring("Nodes do not forward traffic to 2001:db8::41"))))

	t.Log("Where Kubernetes deprecates them, the message says so")
	discoverer, err := discovery.NewDiscoveryClientForConfig(fleet.WorkloadA.Config)
	n.Expect(err).NotTo(HaveOccurred())
	running, err := discoverer.ServerVersion()
	n.Expect(err).NotTo(HaveOccurred())
	deprecated := ContainSubstring("Kubernetes deprecated spec.externalIPs in v1.36")
	if version.MustParseGeneric(running.GitVersion).LessThan(version.MajorMinor(1, 36)) {
		deprecated = Not(deprecated)
	}
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("Message", deprecated)))
}
