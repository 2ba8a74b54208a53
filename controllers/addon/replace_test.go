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

package addon_test

import (
	"net/http"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// runRealPods stands for the nodes of a workload cluster whose Pods kube-controller-manager makes:
// all are ready.
func (n *node) runRealPods() {
	n.T.Helper()
	pods := &corev1.PodList{}
	n.Expect(n.Workload.List(n.T.Context(), pods, client.InNamespace(xccv1.WorkloadNamespace))).To(Succeed())
	for i := range pods.Items {
		pod := &pods.Items[i]
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}}
		n.Expect(client.IgnoreNotFound(n.Workload.Status().Update(n.T.Context(), pod))).To(Or(Succeed(), MatchError(apierrors.IsConflict, "Conflict")))
	}
}

// A selector cannot be changed. The former Pods answer until there are others.
func TestADeploymentThatCannotBeChangedIsCreatedAnewWithoutAGap(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewLiveWorkload()
	nodes := n.node(workload)
	n.AddInstalled("cluster-a", workload)
	key := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	n.RestartManager(func() {
		former := &appsv1.Deployment{}
		n.Expect(workload.Get(ctx, key, former)).To(Succeed())
		n.Expect(workload.Delete(ctx, former.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
		n.Eventually(func() error { return workload.Get(ctx, key, &appsv1.Deployment{}) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
		former.ObjectMeta = metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: former.Labels, Annotations: former.Annotations}
		former.Spec.Selector.MatchLabels["app"], former.Spec.Template.Labels["app"] = "former", "former"
		n.Expect(workload.Create(ctx, former)).To(Succeed())
		n.Eventually(n.pods(workload, "former")).Should(HaveLen(2))
	})
	n.Eventually(func(g Gomega) string {
		current := &appsv1.Deployment{}
		g.Expect(workload.Get(ctx, key, current)).To(Succeed())
		return current.Spec.Selector.MatchLabels["app"]
	}).Should(Equal("dns-server"))
	n.Eventually(n.pods(workload, "dns-server")).Should(HaveLen(2))
	n.Expect(n.pods(workload, "former")(n)).To(HaveLen(2), "the new ones are not ready yet")

	n.Eventually(func(g Gomega) []corev1.Pod {
		nodes.runRealPods()
		return n.pods(workload, "former")(g)
	}).Should(BeEmpty())
	n.Expect(n.pods(workload, "dns-server")(n)).To(HaveLen(2))
	n.Eventually(func() []install.Reference { return n.State("cluster-a").Obsolete }).Should(BeEmpty())
}

// The State names the ReplicaSets that a replacement leaves behind. A manager that restarts in between
// would leave them for ever.
func TestNothingIsReplacedBeforeTheSecretIsWritten(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	former := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	var writes int
	n.RestartManager(func() {
		n.Expect(workload.Get(ctx, key, former)).To(Succeed())
		n.Expect(workload.Delete(ctx, former.DeepCopy())).To(Succeed())
		former.ObjectMeta = metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: former.Labels, Annotations: former.Annotations}
		former.Spec.Selector.MatchLabels["app"], former.Spec.Template.Labels["app"] = "former", "former"
		n.Expect(workload.Create(ctx, former)).To(Succeed())
		secret := n.Payload("cluster-a")
		secret.Immutable = new(true)
		n.Expect(fleet.Management.Update(ctx, secret)).To(Succeed())
		writes = len(n.Requests.Matching("secrets/cluster-a-xcc-dns", http.MethodPatch))
	})
	n.Eventually(func() int {
		return len(n.Requests.Matching("secrets/cluster-a-xcc-dns", http.MethodPatch)) - writes
	}).Should(BeNumerically(">", 1), "the manager tries to write")
	found := &appsv1.Deployment{}
	n.Expect(workload.Get(ctx, key, found)).To(Succeed())
	n.Expect(found.UID).To(Equal(former.UID))
	n.Expect(found.DeletionTimestamp).To(BeNil())
}

func (n *tenant) pods(workload *fleet.Cluster, app string) func(Gomega) []corev1.Pod {
	return func(g Gomega) []corev1.Pod {
		pods := &corev1.PodList{}
		g.Expect(workload.List(n.T.Context(), pods, client.InNamespace(xccv1.WorkloadNamespace), client.MatchingLabels{"app": app})).To(Succeed())
		return pods.Items
	}
}

func TestWhatLeftThePayloadIsDeletedWhenItsSuccessorRuns(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	named := func(name string, labels map[string]string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: name, Labels: labels}}
	}
	left, taken := named("left", map[string]string{xccv1.PartOfLabel: xccv1.PartOf}), named("taken", nil)
	n.RestartManager(func() {
		for _, object := range []client.Object{left.DeepCopy(), taken.DeepCopy()} {
			n.Expect(workload.Create(ctx, object)).To(Succeed())
		}
		secret := n.Payload("cluster-a")
		secret.Data["xcc-dns.yaml"] = append(secret.Data["xcc-dns.yaml"], []byte("\n---\n"+
			"{apiVersion: v1, kind: ConfigMap, metadata: {namespace: xcc-dns, name: left, labels: {app.kubernetes.io/part-of: xcc}}}\n---\n"+
			"{apiVersion: v1, kind: ConfigMap, metadata: {namespace: xcc-dns, name: taken}}\n")...)
		n.Expect(fleet.Management.Update(ctx, secret)).To(Succeed())
	})
	n.Eventually(func() []install.Reference { return n.State("cluster-a").Obsolete }).Should(ContainElement(HaveField("Name", "left")))
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(left), left)).To(Succeed(), "what replaces it does not run yet")

	n.node(workload).RunPods()
	n.Eventually(func() error { return workload.Get(ctx, client.ObjectKeyFromObject(left), left) }).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(taken), taken)).To(Succeed(), "it is somebody else's by now")
	n.Eventually(func() []install.Reference { return n.State("cluster-a").Obsolete }).Should(BeEmpty())
}
