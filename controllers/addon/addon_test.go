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
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestTheLabelInstallsThroughAClusterResourceSet(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddCluster("cluster-a", workload.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	key := client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-xcc-dns"}

	t.Log("The Cluster is labelled, and its set selects it alone")
	n.Eventually(func(g Gomega) map[string]string {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		return object.Labels
	}).Should(HaveKeyWithValue(xccv1.DNSClusterLabel, "cluster-a"))
	set := &addonsv1.ClusterResourceSet{}
	n.Eventually(func() error { return fleet.Management.Get(ctx, key, set) }).Should(Succeed())
	n.Expect(set.Spec.ClusterSelector.MatchLabels).To(Equal(map[string]string{
		xccv1.DNSLabel: xccv1.DNSEnabled, xccv1.DNSClusterLabel: "cluster-a",
	}))

	t.Log("The payload is a Secret, and its binding says that it was applied")
	n.Eventually(func(g Gomega) bool {
		binding := &addonsv1.ClusterResourceSetBinding{}
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), binding)).To(Succeed())
		g.Expect(binding.Spec.Bindings).To(HaveLen(1))
		g.Expect(binding.Spec.Bindings[0].Resources).To(HaveLen(1))
		g.Expect(binding.Spec.Bindings[0].Resources[0].Kind).To(Equal("Secret"))
		return ptr.Deref(binding.Spec.Bindings[0].Resources[0].Applied, false)
	}).Should(BeTrue())

	t.Log("What it installs is what the flags say")
	deployment := &appsv1.Deployment{}
	n.Expect(workload.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}, deployment)).To(Succeed())
	container := deployment.Spec.Template.Spec.Containers[0]
	n.Expect(container.Image).To(Equal("xcc-dns:test"))
	n.Expect(container.Args).To(ContainElements("--zone=xcc.test", "--ttl=5"))
	n.Expect(deployment.Spec.Replicas).To(HaveValue(BeEquivalentTo(2)))
	service := &corev1.Service{}
	serviceKey := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	n.Expect(workload.Get(ctx, serviceKey, service)).To(Succeed())
	clusterIP := service.Spec.ClusterIP
	n.Expect(clusterIP).NotTo(BeEmpty())

	t.Log("A payload that was edited is put right, even without the label by which Secrets are cached")
	payload := &corev1.Secret{}
	n.Expect(fleet.Management.Get(ctx, key, payload)).To(Succeed())
	wanted := payload.Data
	payload.Labels = nil
	payload.Data = map[string][]byte{"other.yaml": []byte("apiVersion: v1\nkind: Namespace\nmetadata: {name: edited}\n")}
	n.Expect(fleet.Management.Update(ctx, payload)).To(Succeed())
	n.Eventually(func(g Gomega) map[string][]byte {
		g.Expect(fleet.Management.Get(ctx, key, payload)).To(Succeed())
		return payload.Data
	}).Should(Equal(wanted))
	n.Expect(payload.Labels).To(HaveKey(clusterv1.ClusterNameLabel))

	t.Log("Delivered again, the Service keeps its address, to which CoreDNS forwards")
	n.Expect(workload.Delete(ctx, deployment)).To(Succeed())
	binding := &addonsv1.ClusterResourceSetBinding{}
	n.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), binding)).To(Succeed())
	binding.Spec.Bindings[0].Resources[0].Hash = ""
	n.Expect(fleet.Management.Update(ctx, binding)).To(Succeed())
	n.Eventually(func(g Gomega) error {
		// The ClusterResourceSet controller looks at bindings only when a payload or a set changes.
		g.Expect(fleet.Management.Get(ctx, key, set)).To(Succeed())
		set.Labels["touched"] = set.ResourceVersion
		g.Expect(fleet.Management.Update(ctx, set)).To(Succeed())
		return workload.Get(ctx, client.ObjectKeyFromObject(deployment), &appsv1.Deployment{})
	}).Should(Succeed())
	n.Expect(workload.Get(ctx, serviceKey, service)).To(Succeed())
	n.Expect(service.Spec.ClusterIP).To(Equal(clusterIP))
}

func TestAnUnlabelledClusterGetsNothing(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	n.AddCluster("plain", nil, nil)
	n.AddCluster("labelled", nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.Eventually(func() error {
		return fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "labelled-xcc-dns"}, &addonsv1.ClusterResourceSet{})
	}).Should(Succeed())
	n.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "plain-xcc-dns"}, &addonsv1.ClusterResourceSet{})).
		To(MatchError(apierrors.IsNotFound, "NotFound"))
}

func TestTheSetOfAPausedClusterIsPaused(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	object := n.AddCluster("cluster-a", nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	set := &addonsv1.ClusterResourceSet{}
	paused := func(g Gomega) bool {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-xcc-dns"}, set)).To(Succeed())
		_, paused := set.Annotations[clusterv1.PausedAnnotation]
		return paused
	}
	n.Eventually(paused).Should(BeFalse())
	for _, pause := range []bool{true, false} {
		n.Eventually(func(g Gomega) error {
			g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			object.Spec.Paused = new(pause)
			return fleet.Management.Update(ctx, object)
		}).Should(Succeed())
		n.Eventually(paused).Should(Equal(pause))
	}
}
