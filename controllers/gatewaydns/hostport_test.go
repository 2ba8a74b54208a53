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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// addPod creates a Pod of a Service on a node that has a host port.
func addPod(t *testing.T, workload *fleet.Cluster, service *corev1.Service, name, node string, hostPort int32) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: name, Labels: service.Spec.Selector},
		Spec: corev1.PodSpec{
			NodeName: node, AutomountServiceAccountToken: new(false), TerminationGracePeriodSeconds: new(int64(0)),
			Containers: []corev1.Container{{Name: "envoy", Image: "envoy", Ports: []corev1.ContainerPort{{ContainerPort: 8080, HostPort: hostPort}}}},
		},
	}
	NewWithT(t).Expect(workload.Create(t.Context(), pod)).To(Succeed())
	return pod
}

func TestAHostPortGatewayFollowsItsPods(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	workload := n.NewWorkload() // One of its own, because what it watches is counted.
	before := watches(workload, "pods")(n)
	service := fleet.AddService(t, workload, corev1.ServiceTypeClusterIP)
	service.Spec.Selector = map[string]string{"app": "envoy"}
	n.Expect(workload.Update(ctx, service)).To(Succeed())
	serviceAccount := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: service.Namespace, Name: "default"}}
	n.Expect(client.IgnoreAlreadyExists(workload.Create(ctx, serviceAccount))).To(Succeed())
	one := addNode(t, workload, n.Namespace+"-one", internalIP("10.0.2.1"))
	two := addNode(t, workload, n.Namespace+"-two", internalIP("10.0.2.2"))
	pod := addPod(t, workload, service, "a", one.Name, 80)
	slice := addEndpoints(t, workload, service, endpoint("10.244.0.1", "a", one.Name, true))
	n.AddCluster("cluster-a", workload.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.addGatewayOf("gw", service, xccv1.ResolutionTypeHostPort)
	hostname := n.Hostname("cluster-a")
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.2.1"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Ports", ConsistOf(And(HaveField("Name", "http"), HaveField("Port", int32(80))))),
	)))
	n.Expect(watches(workload, "pods")(n)).To(Equal(before+1), "Pods are watched")

	t.Log("It is rescheduled to another node, with another host port, and until its new Pod is seen it keeps what it had")
	slice.Endpoints = append(slice.Endpoints[:0], endpoint("10.244.1.1", "b", two.Name, true))
	n.Expect(workload.Update(ctx, slice)).To(Succeed())
	n.ProveProgress("unseen", "192.0.2.220")
	n.Expect(fleet.Published(ctx, fleet.WorkloadB, hostname)(n)).To(ConsistOf("10.0.2.1"))
	addPod(t, workload, service, "b", two.Name, 81)
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.2.2"))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", HaveField("Ports", ConsistOf(HaveField("Port", int32(81))))))

	t.Log("A cordoned node serves until its Pod is not ready any more")
	two.Spec.Unschedulable = true
	n.Expect(workload.Update(ctx, two)).To(Succeed())
	slice.Endpoints = append(slice.Endpoints, endpoint("10.244.0.1", "a", one.Name, true))
	n.Expect(workload.Update(ctx, slice)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.2.1", "10.0.2.2"))
	slice.Endpoints[0].Conditions.Ready = new(false)
	n.Expect(workload.Update(ctx, slice)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.2.1"))

	t.Log("When endpoints are ready whatever their Pods are, the Pods tell")
	service.Spec.PublishNotReadyAddresses = true
	n.Expect(workload.Update(ctx, service)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(BeEmpty())
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	n.Expect(workload.Status().Update(ctx, pod)).To(Succeed())
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, hostname)).Should(ConsistOf("10.0.2.1"))

	n.Expect(fleet.Management.Delete(ctx, gatewayDNS)).To(Succeed())
	n.Eventually(watches(workload, "pods")).Should(Equal(before), "Pods are watched no more")
}
