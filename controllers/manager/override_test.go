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

package manager_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// TestTheSampleOfAnOverrideIsHeeded applies the sample to a Cluster that can be reached.
func TestTheSampleOfAnOverrideIsHeeded(t *testing.T) {
	n := newTenant(t)
	ctx := t.Context()
	ensureConsumer(t, workloadB)
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", "cluster-gateway-addresses.yaml"))
	n.Expect(err).NotTo(HaveOccurred())
	sample := &clusterv1.Cluster{}
	n.Expect(yaml.UnmarshalStrict(text, sample)).To(Succeed())
	service := addService(t, workloadA, corev1.ServiceTypeLoadBalancer, "10.0.0.7")
	cluster := n.addCluster("cluster-a", workloadA.kubeconfig, hasGateway())
	n.addCluster("cluster-b", workloadB.kubeconfig, nil)
	n.addGatewayDNS("gw", serviceRef(service))
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("10.0.0.7"))

	annotate := func(value string) {
		original := cluster.DeepCopy()
		metav1.SetMetaDataAnnotation(&cluster.ObjectMeta, xccv1.GatewayAddressesAnnotation, value)
		n.Expect(management.Patch(ctx, cluster, client.MergeFrom(original))).To(Succeed())
	}
	annotate(sample.Annotations[xccv1.GatewayAddressesAnnotation])
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("198.51.100.7"))
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayOverridden), HaveField("Source", ContainSubstring("annotation")),
	)))
	n.Eventually(n.condition(&xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: "gw"}}, xccv1.ReadyCondition)).
		Should(HaveField("Status", metav1.ConditionTrue))

	t.Log("One that is no address keeps what is published")
	before := n.sliceOf(workloadB, n.hostname("cluster-a"))
	annotate("198.51.100.8, not an address")
	n.Eventually(n.gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayInvalidOverride), HaveField("Addresses", []string{"198.51.100.7"}),
	)))
	n.proveProgress("override", "192.0.2.210")
	n.Expect(n.sliceOf(workloadB, n.hostname("cluster-a"))).To(Equal(before))
	original := cluster.DeepCopy()
	cluster.Annotations = nil
	n.Expect(management.Patch(ctx, cluster, client.MergeFrom(original))).To(Succeed())
	n.Eventually(published(ctx, workloadB, n.hostname("cluster-a"))).Should(ConsistOf("10.0.0.7"))
}
