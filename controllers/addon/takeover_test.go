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
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// oldAddress is what the old project published for the gateway of cluster-a.
const oldAddress = "192.0.2.160"

// installOldProject gives a workload cluster what the project that this one succeeds installs
// there, with the records that it wrote for the GatewayDNS <namespace>-gateway-dns.
func (n *tenant) installOldProject(workload *fleet.Cluster) {
	n.T.Helper()
	for _, name := range []string{"dns-server.yaml", "dns-config-patcher.yaml", "endpointslices.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "test", "e2e", "testdata", "old-project", name))
		n.Expect(err).NotTo(HaveOccurred())
		text = []byte(strings.NewReplacer("dev-team", n.Namespace, "ADDRESS", oldAddress, "IMAGE", "coredns:old").Replace(string(text)))
		objects, err := utilyaml.ToUnstructured(text)
		n.Expect(err).NotTo(HaveOccurred())
		for i := range objects {
			n.Expect(workload.Create(n.T.Context(), &objects[i])).To(Succeed())
		}
	}
}

// read returns an object of a workload cluster.
func read[T client.Object](n *tenant, workload *fleet.Cluster, namespace, name string, object T) T {
	n.T.Helper()
	n.Expect(workload.Get(n.T.Context(), client.ObjectKey{Namespace: namespace, Name: name}, object)).To(Succeed())
	return object
}

// isGone returns whether there is no such object.
func isGone(ctx context.Context, workload *fleet.Cluster, namespace, name string, object client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(workload.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object))
	}
}

func TestAnOldInstallationIsTakenOverInPlace(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.installOldProject(workload)
	service := read(n, workload, xccv1.WorkloadNamespace, xccv1.DNSServerName, &corev1.Service{})
	server := read(n, workload, xccv1.WorkloadNamespace, xccv1.DNSServerName, &appsv1.Deployment{})
	byHand := read(n, workload, xccv1.WorkloadNamespace, "by-hand", &discoveryv1.EndpointSlice{})

	object := n.AddCluster("cluster-b", workload.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.AwaitInstalled("cluster-b", workload)

	t.Log("What has the names of ours becomes ours, with its identity and its address")
	taken := read(n, workload, xccv1.WorkloadNamespace, xccv1.DNSServerName, &corev1.Service{})
	n.Expect(taken.UID).To(Equal(service.UID))
	n.Expect(taken.Spec.ClusterIP).To(Equal(service.Spec.ClusterIP))
	n.Expect(taken.Spec.Ports).To(ConsistOf(
		HaveField("TargetPort", intstr.FromString("dns")), HaveField("TargetPort", intstr.FromString("dns-tcp")),
	), "old and new Pods listen on different ports, and name them alike")
	deployment := read(n, workload, xccv1.WorkloadNamespace, xccv1.DNSServerName, &appsv1.Deployment{})
	n.Expect(deployment.UID).To(Equal(server.UID))
	n.Expect(deployment.Spec.Selector).To(Equal(server.Spec.Selector))
	n.Expect(deployment.Spec.Template.Spec.Volumes).To(BeEmpty())
	n.Expect(deployment.Spec.Template.Spec.Containers).To(ConsistOf(And(
		HaveField("Image", "xcc-dns:test"), HaveField("Env", ConsistOf(HaveField("Name", "GOMEMLIMIT"))), HaveField("VolumeMounts", BeEmpty()),
	)))

	t.Log("A RoleBinding cannot be changed to another Role: it is replaced")
	binding := read(n, workload, xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName, &rbacv1.RoleBinding{})
	n.Expect(binding.RoleRef.Name).To(Equal(xccv1.DNSConfigPatcherName))

	t.Log("What is replaced stays until the new Pods are available")
	read(n, workload, xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName, &batchv1.Job{})
	read(n, workload, xccv1.WorkloadNamespace, "dns-server-corefile", &corev1.ConfigMap{})
	n.node(workload).RunPods()
	for _, gone := range []struct {
		namespace, name string
		object          client.Object
	}{
		{xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName, &batchv1.Job{}},
		{xccv1.WorkloadNamespace, "dns-server-corefile", &corev1.ConfigMap{}},
		{xccv1.WorkloadNamespace, "xcc-dns-service-watcher", &rbacv1.Role{}},
		{"kube-system", xccv1.DNSConfigPatcherName, &rbacv1.RoleBinding{}},
	} {
		n.Eventually(isGone(ctx, workload, gone.namespace, gone.name, gone.object)).Should(BeTrue(), "%T %s", gone.object, gone.name)
	}
	n.Eventually(func() []install.Reference { return n.State(object.Name).Obsolete }).Should(BeEmpty())
	n.AwaitInstalled("cluster-b", workload)

	t.Log("What a user wrote is left alone, and so is what cannot be told from it")
	n.Expect(read(n, workload, xccv1.WorkloadNamespace, "by-hand", &discoveryv1.EndpointSlice{}).ResourceVersion).To(Equal(byHand.ResourceVersion))
	read(n, workload, "kube-system", "system-corefile-updater", &rbacv1.Role{})
}

// Kubernetes calls the old Pods ready until they have ended: they have no readiness probe. What
// CoreDNS asks them on a socket that it used before must be led elsewhere while they still answer.
func TestAnOldPodIsTakenOutOfTheServiceWhenItIsDeleted(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.installOldProject(workload)
	old := newServerPod("old", map[string]string{"app": xccv1.DNSServerName})
	other := newServerPod("new", map[string]string{"app": xccv1.DNSServerName, xccv1.PartOfLabel: xccv1.PartOf})
	for _, pod := range []*corev1.Pod{old, other} {
		n.Expect(workload.Create(ctx, pod)).To(Succeed())
	}
	labels := func(g Gomega) map[string]string {
		g.Expect(workload.Get(ctx, client.ObjectKeyFromObject(old), old)).To(Succeed())
		return old.Labels
	}
	n.AddCluster("cluster-b", workload.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.AwaitInstalled("cluster-b", workload)
	n.node(workload).RunPods()
	n.Consistently(labels, 3*time.Second).Should(HaveKey("app"))
	read(n, workload, xccv1.WorkloadNamespace, "dns-server-corefile", &corev1.ConfigMap{})

	t.Log("As long as it is the only one it stays, for instance when its node is drained at the same time")
	n.Expect(workload.Delete(ctx, old)).To(Succeed())
	n.Consistently(labels, 3*time.Second).Should(HaveKey("app"))
	other.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	n.Expect(workload.Status().Update(ctx, other)).To(Succeed())
	n.Eventually(labels, 4*time.Second).ShouldNot(HaveKey("app"), "it answers for 5 seconds")
	n.Eventually(isGone(ctx, workload, xccv1.WorkloadNamespace, "dns-server-corefile", &corev1.ConfigMap{})).Should(BeTrue())
}

// newServerPod returns a Pod that stays when it is deleted: its node does not answer.
func newServerPod(name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			NodeName:                     "node",
			ServiceAccountName:           xccv1.DNSServerName,
			AutomountServiceAccountToken: new(false),
			Containers:                   []corev1.Container{{Name: "dns-server", Image: "coredns:old"}},
		},
	}
}

// A cluster of the old project consumes before it is labelled, by its namespace.
func TestRecordsOfTheOldProjectAreReplacedBeforeTheLabel(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.installOldProject(workload)
	old := read(n, workload, xccv1.WorkloadNamespace, n.Namespace+"-cluster-a-gateway", &discoveryv1.EndpointSlice{})
	watching, err := client.NewWithWatch(workload.Config, client.Options{Scheme: workload.Scheme()})
	n.Expect(err).NotTo(HaveOccurred())
	events, err := watching.Watch(ctx, &discoveryv1.EndpointSliceList{}, client.InNamespace(xccv1.WorkloadNamespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: old.ResourceVersion}})
	n.Expect(err).NotTo(HaveOccurred())
	defer events.Stop()

	gateway := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, oldAddress)
	n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("cluster-b", workload.Kubeconfig, nil)
	n.AddGatewayDNS(n.Namespace+"-gateway-dns", fleet.ServiceRef(gateway))

	added := false
	n.Eventually(events.ResultChan()).Should(Receive(Satisfy(func(event watch.Event) bool {
		slice := event.Object.(*discoveryv1.EndpointSlice)
		switch event.Type {
		case watch.Added:
			added = added || slice.Labels[discoveryv1.LabelManagedBy] == xccv1.ManagedBy && slice.Annotations[xccv1.DNSHostnameAnnotation] == n.Hostname("cluster-a")
		case watch.Deleted:
			n.Expect(slice.Name).To(Equal(old.Name))
			n.Expect(added).To(BeTrue(), "the new one is there before the old one goes")
			return true
		}
		return false
	})))
	n.Expect(fleet.Published(ctx, workload, n.Hostname("cluster-a"))(n)).To(ConsistOf(oldAddress))
	n.Expect(fleet.Published(ctx, workload, "by-hand."+fleet.Zone)(n)).To(ConsistOf("198.51.100.7"))
}
