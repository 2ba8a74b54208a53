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
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// AddCluster creates a Cluster that is provisioned, with a kubeconfig unless it is nil.
func (n *Tenant) AddCluster(name string, kubeconfig []byte, clusterLabels map[string]string) *clusterv1.Cluster {
	n.T.Helper()
	ctx := n.T.Context()
	if clusterLabels[xccv1.DNSLabel] != "" {
		n.ensureClusterAPI()
	}
	if kubeconfig != nil {
		n.Expect(Management.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: n.Namespace, Name: name + "-kubeconfig", Labels: map[string]string{clusterv1.ClusterNameLabel: name},
			},
			Type: clusterv1.ClusterSecretType,
			Data: map[string][]byte{"value": kubeconfig},
		})).To(Succeed())
	}
	object := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: name, Labels: clusterLabels},
		Spec: clusterv1.ClusterSpec{
			ControlPlaneRef: clusterv1.ContractVersionedObjectReference{APIGroup: "test.xcc", Kind: "ControlPlane", Name: name},
		},
	}
	n.Expect(Management.Create(ctx, object)).To(Succeed())
	original := object.DeepCopy()
	object.Status.Initialization.InfrastructureProvisioned = new(true)
	n.Expect(Management.Status().Patch(ctx, object, client.MergeFrom(original))).To(Succeed())
	return object
}

// SetInitialized says of a Cluster what Cluster API says when its control plane has come up.
func (n *Tenant) SetInitialized(cluster *clusterv1.Cluster) {
	n.T.Helper()
	original := cluster.DeepCopy()
	cluster.Status.Initialization.ControlPlaneInitialized = new(true)
	n.Expect(Management.Status().Patch(n.T.Context(), cluster, client.MergeFrom(original))).To(Succeed())
}

// SetPaused pauses a Cluster, or ends that.
func (n *Tenant) SetPaused(cluster *clusterv1.Cluster, paused bool) {
	n.T.Helper()
	original := cluster.DeepCopy()
	cluster.Spec.Paused = new(paused)
	n.Expect(Management.Patch(n.T.Context(), cluster, client.MergeFrom(original))).To(Succeed())
}

// SetLabel sets the label by which a Cluster asks for the add-on, or removes it if the value is empty.
func (n *Tenant) SetLabel(object *clusterv1.Cluster, value string) {
	n.T.Helper()
	n.Eventually(func(g Gomega) error {
		g.Expect(Management.Get(n.T.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
		original := object.DeepCopy()
		if value == "" {
			delete(object.Labels, xccv1.DNSLabel)
		} else {
			object.Labels = map[string]string{xccv1.DNSLabel: value}
		}
		return Management.Patch(n.T.Context(), object, client.MergeFrom(original))
	}).Should(Succeed())
}

// Annotate makes an annotation the only one of a Cluster, or removes all if the value is empty.
func (n *Tenant) Annotate(cluster *clusterv1.Cluster, annotation, value string) {
	n.T.Helper()
	original := cluster.DeepCopy()
	cluster.Annotations = map[string]string{annotation: value}
	if value == "" {
		cluster.Annotations = nil
	}
	n.Expect(Management.Patch(n.T.Context(), cluster, client.MergeFrom(original))).To(Succeed())
}

// DeleteCluster deletes a Cluster and its kubeconfig, and returns when they are gone.
func (n *Tenant) DeleteCluster(cluster *clusterv1.Cluster) {
	n.T.Helper()
	kubeconfig := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: cluster.Name + "-kubeconfig"}}
	for _, object := range []client.Object{cluster, kubeconfig} {
		n.Expect(Management.Delete(n.T.Context(), object)).To(Succeed())
		n.Eventually(func() error {
			return Management.Get(n.T.Context(), client.ObjectKeyFromObject(object), object)
		}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
	}
}

// DNSReady returns the condition DNSReady of a Cluster, or an empty one.
func (n *Tenant) DNSReady(name string) func(Gomega) metav1.Condition {
	return func(g Gomega) metav1.Condition {
		current := &clusterv1.Cluster{}
		g.Expect(Management.Get(n.T.Context(), client.ObjectKey{Namespace: n.Namespace, Name: name}, current)).To(Succeed())
		return ptr.Deref(meta.FindStatusCondition(current.Status.Conditions, xccv1.DNSReadyCondition), metav1.Condition{})
	}
}

// EventReasons returns the reasons of the events about the condition of a Cluster.
func (n *Tenant) EventReasons(cluster *clusterv1.Cluster) func(Gomega) []string {
	return func(g Gomega) []string {
		list := &eventsv1.EventList{}
		g.Expect(Management.List(n.T.Context(), list, client.InNamespace(n.Namespace))).To(Succeed())
		var reasons []string
		for _, event := range list.Items {
			if event.Regarding.UID == cluster.UID && event.Action == "CheckDNS" {
				reasons = append(reasons, event.Reason)
			}
		}
		return reasons
	}
}

// Says matches a condition by its status, its reason and a part of its message.
func Says(status metav1.ConditionStatus, reason, message string) OmegaMatcher {
	return And(HaveField("Status", status), HaveField("Reason", reason), HaveField("Message", ContainSubstring(message)))
}
