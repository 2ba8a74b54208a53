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

package fleet

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// ThreeIntervals is how long a Lease of the probe is valid, as dns-config-patcher renews it.
const ThreeIntervals = 90 * time.Second

// Node stands for the nodes of a workload cluster that has none, and for the Pods of the add-on.
type Node struct {
	*WithT
	T        *testing.T
	Workload *Cluster
}

// Node returns what stands for the nodes of a workload cluster of the tenant.
func (n *Tenant) Node(workload *Cluster) *Node {
	return &Node{WithT: n.WithT, T: n.T, Workload: workload}
}

// RunPods reports that all Pods of both Deployments are available, as soon as there are Deployments.
func (n *Node) RunPods() {
	n.T.Helper()
	for _, name := range []string{xccv1.DNSServerName, xccv1.DNSConfigPatcherName} {
		n.SetAvailable(name, -1)
	}
}

// SetAvailable reports so many available Pods of a Deployment, all of its present template; all if the number is negative.
func (n *Node) SetAvailable(name string, available int32) {
	n.T.Helper()
	n.Eventually(func(g Gomega) {
		deployment := &appsv1.Deployment{}
		g.Expect(n.Workload.Get(n.T.Context(), client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: name}, deployment)).To(Succeed())
		replicas := ptr.Deref(deployment.Spec.Replicas, 1)
		if available < 0 {
			available = replicas
		}
		deployment.Status = appsv1.DeploymentStatus{
			ObservedGeneration: deployment.Generation, Replicas: replicas, UpdatedReplicas: replicas,
			ReadyReplicas: available, AvailableReplicas: available,
			Conditions: []appsv1.DeploymentCondition{{
				Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable",
			}},
		}
		g.Expect(n.Workload.Status().Update(n.T.Context(), deployment)).To(Succeed())
	}).Should(Succeed())
}

// Report writes what dns-config-patcher would report.
func (n *Node) Report(state report.State, message, probe string) {
	n.T.Helper()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}}
	_, err := controllerutil.CreateOrUpdate(n.T.Context(), n.Workload, configMap, func() error {
		configMap.Data = map[string]string{
			report.KeyState: string(state), report.KeyMessage: message, report.KeyProbe: probe, report.KeyCoreDNS: "kube-system/coredns",
		}
		return nil
	})
	n.Expect(err).NotTo(HaveOccurred())
}

// Renew renews the Lease of the probe at a time of the workload cluster's clock.
func (n *Node) Renew(at time.Time, duration time.Duration) {
	n.T.Helper()
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.ProbeLeaseName}}
	_, err := controllerutil.CreateOrUpdate(n.T.Context(), n.Workload, lease, func() error {
		lease.Spec.HolderIdentity = new("dns-config-patcher")
		lease.Spec.RenewTime = new(metav1.NewMicroTime(at))
		lease.Spec.LeaseDurationSeconds = new(int32(duration / time.Second))
		return nil
	})
	n.Expect(err).NotTo(HaveOccurred())
}
