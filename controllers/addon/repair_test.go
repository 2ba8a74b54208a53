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
	"encoding/json"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// repairTime is how soon what was broken in a workload cluster is as it should be.
const repairTime = 30 * time.Second

// spec returns what an object has besides metadata and status.
func spec(object *unstructured.Unstructured) map[string]any {
	content := object.DeepCopy().Object
	delete(content, "metadata")
	delete(content, "status")
	return content
}

func TestWhatIsDeletedComesBack(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	for _, object := range n.Objects("cluster-a") {
		if object.GetKind() == "Namespace" {
			continue // Without a namespace controller it would be deleted for ever.
		}
		n.Expect(workload.Delete(ctx, object.DeepCopy())).To(Succeed())
		n.Eventually(func() error {
			return workload.Get(ctx, client.ObjectKeyFromObject(object), object.DeepCopy())
		}, repairTime).Should(Succeed(), "%s %s comes back", object.GetKind(), object.GetName())
	}
}

func TestWhatIsEditedIsPutRight(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	edits := map[string]func(*unstructured.Unstructured){
		"Namespace":      func(o *unstructured.Unstructured) { o.SetLabels(nil) },
		"ServiceAccount": func(o *unstructured.Unstructured) { o.Object["automountServiceAccountToken"] = false },
		"Service": func(o *unstructured.Unstructured) {
			NewWithT(t).Expect(unstructured.SetNestedField(o.Object, "other", "spec", "selector", "app")).To(Succeed())
		},
		"Deployment": func(o *unstructured.Unstructured) {
			NewWithT(t).Expect(unstructured.SetNestedField(o.Object, int64(7), "spec", "replicas")).To(Succeed())
		},
		"ResourceQuota": func(o *unstructured.Unstructured) {
			NewWithT(t).Expect(unstructured.SetNestedField(o.Object, "0", "spec", "hard", "pods")).To(Succeed())
		},
		"Role": func(o *unstructured.Unstructured) { o.Object["rules"] = []any{} },
		"RoleBinding": func(o *unstructured.Unstructured) {
			o.Object["subjects"] = []any{}
		},
		"NetworkPolicy": func(o *unstructured.Unstructured) {
			NewWithT(t).Expect(unstructured.SetNestedSlice(o.Object, []any{}, "spec", "ingress")).To(Succeed())
		},
		"PodDisruptionBudget": func(o *unstructured.Unstructured) {
			NewWithT(t).Expect(unstructured.SetNestedField(o.Object, int64(2), "spec", "maxUnavailable")).To(Succeed())
		},
	}
	for _, object := range n.Objects("cluster-a") {
		n.Expect(edits).To(HaveKey(object.GetKind()))
		n.Eventually(func() error {
			n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
			edited := object.DeepCopy()
			edits[object.GetKind()](edited)
			return workload.Update(ctx, edited)
		}).Should(Succeed())
		live := object.DeepCopy()
		n.Eventually(func(g Gomega) {
			g.Expect(workload.Get(ctx, client.ObjectKeyFromObject(object), live)).To(Succeed())
			g.Expect(spec(live)).To(Equal(spec(object)))
			for key, value := range object.GetLabels() {
				g.Expect(live.GetLabels()).To(HaveKeyWithValue(key, value))
			}
		}, repairTime).Should(Succeed(), "%s %s is as it was", object.GetKind(), object.GetName())
	}
}

func TestAServiceThatSomebodyMadeHeadlessGetsAnAddressAgain(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	service := &corev1.Service{}
	n.Expect(workload.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}, service)).To(Succeed())
	headless := service.DeepCopy()
	headless.ResourceVersion, headless.UID = "", ""
	headless.Spec.ClusterIP, headless.Spec.ClusterIPs = corev1.ClusterIPNone, nil
	n.Expect(workload.Delete(ctx, service)).To(Succeed())
	n.Eventually(func() error { return workload.Create(ctx, headless) }).Should(Or(Succeed(), MatchError(apierrors.IsAlreadyExists, "AlreadyExists")))
	n.Eventually(func(g Gomega) string {
		g.Expect(workload.Get(ctx, client.ObjectKeyFromObject(service), service)).To(Succeed())
		return service.Spec.ClusterIP
	}, repairTime).Should(HavePrefix("10."))
}

func TestThePatchersMemoryOutlivesItsNamespace(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	memory := func() *corev1.ConfigMap {
		return &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName},
			Data:       map[string]string{report.KeyState: string(report.ForeignBlock)},
		}
	}
	remembers := memory()
	remembers.Data[report.KeyWritten] = "xcc.test:53 {\n    errors\n}\n"
	n.Expect(workload.Create(ctx, remembers)).To(Succeed())
	n.Eventually(func() string { return n.State("cluster-a").Written }).Should(Equal(remembers.Data[report.KeyWritten]))

	n.Expect(workload.Delete(ctx, remembers)).To(Succeed())
	forgetful := memory()
	n.Expect(workload.Create(ctx, forgetful)).To(Succeed())
	n.Eventually(func(g Gomega) map[string]string {
		g.Expect(workload.Get(ctx, client.ObjectKeyFromObject(forgetful), forgetful)).To(Succeed())
		return forgetful.Data
	}).Should(Equal(map[string]string{
		report.KeyState: string(report.ForeignBlock), report.KeyWritten: remembers.Data[report.KeyWritten],
	}))
}

func TestARestartRepairsWhatHappenedMeanwhile(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	role := &rbacv1.Role{}
	role.Namespace, role.Name = "kube-system", "xcc-dns-config-patcher"
	n.RestartManager(func() { n.Expect(workload.Delete(ctx, role.DeepCopy())).To(Succeed()) })
	n.Eventually(func() error { return workload.Get(ctx, client.ObjectKeyFromObject(role), role) }).Should(Succeed())
}

// What others put on our objects does not make the manager apply again, and neither does a restart
// of Pods that an administrator asked for.
func TestWhatOthersMayDoIsLeftAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	deployment := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	n.Expect(workload.Get(ctx, key, deployment)).To(Succeed())
	original := deployment.DeepCopy()
	deployment.Labels["theirs"] = "label"
	deployment.Annotations["deployment.kubernetes.io/revision"] = "1"
	deployment.Spec.Template.Annotations = map[string]string{"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}
	n.Expect(workload.Patch(ctx, deployment, client.MergeFrom(original))).To(Succeed())
	data := n.Payload("cluster-a").Data

	t.Log("A later edit of ours is repaired, once")
	role := &rbacv1.Role{}
	role.Namespace, role.Name = xccv1.WorkloadNamespace, xccv1.DNSServerName
	n.RestartManager(func() {})
	n.Consistently(func() map[string][]byte { return n.Payload("cluster-a").Data }, 3*time.Second).Should(Equal(data))
	n.Expect(workload.Delete(ctx, role.DeepCopy())).To(Succeed())
	n.Eventually(func() error { return workload.Get(ctx, client.ObjectKeyFromObject(role), role) }, repairTime).Should(Succeed())
	data = n.Payload("cluster-a").Data
	n.Consistently(func() map[string][]byte { return n.Payload("cluster-a").Data }, 3*time.Second).Should(Equal(data))
}

// Another writer that never gives up is answered ever more slowly, and is named.
func TestAFightIsSlowedDownAndShown(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	key := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}
	fight := func() {
		deployment := &appsv1.Deployment{}
		n.Expect(workload.Get(ctx, key, deployment)).To(Succeed())
		original := deployment.DeepCopy()
		deployment.Spec.Replicas = new(int32(9))
		n.Expect(workload.Patch(ctx, deployment, client.MergeFrom(original), client.FieldOwner("their-autoscaler"))).To(Succeed())
	}
	n.Eventually(func(g Gomega) []string {
		fight()
		all := &eventsv1.EventList{}
		g.Expect(fleet.Management.List(ctx, all, client.InNamespace(n.Namespace))).To(Succeed())
		var notes []string
		for _, event := range all.Items {
			notes = append(notes, event.Reason+": "+event.Note)
		}
		return notes
	}).WithPolling(300 * time.Millisecond).Should(ContainElement(And(
		HavePrefix("RepairContested: "), ContainSubstring("their-autoscaler"), ContainSubstring("spec.replicas"),
	)))
}

func TestOptionsOfAClusterReachItAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddInstalled("cluster-a", workload)
	n.AddCluster("cluster-b", nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	annotate := func(key, value string) {
		original := object.DeepCopy()
		object.Annotations = map[string]string{key: value}
		n.Expect(fleet.Management.Patch(ctx, object, client.MergeFrom(original))).To(Succeed())
	}
	deployment := &appsv1.Deployment{}
	replicas := func(g Gomega) int32 {
		g.Expect(workload.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}, deployment)).To(Succeed())
		return *deployment.Spec.Replicas
	}
	annotate(xccv1.DNSReplicasAnnotation, "3")
	n.Eventually(replicas).Should(BeEquivalentTo(3))
	n.Expect(n.State("cluster-b").Payload).NotTo(Equal(n.State("cluster-a").Payload))

	t.Log("What is wrong is said, and what was installed stays")
	good := n.Payload("cluster-a").Data
	annotate(xccv1.DNSReplicasAnnotation, "three")
	invalidOptions := func() string { return n.State("cluster-a").InvalidOptions }
	n.Eventually(invalidOptions).Should(ContainSubstring(`is "three"; it must be a whole number from 1 to 10`))
	n.Expect(n.Payload("cluster-a").Data).To(Equal(good))

	t.Log("Nor is more given than the flags of the manager allow")
	for _, test := range []struct{ key, value, problem string }{
		{xccv1.DNSReplicasAnnotation, "11", `is "11"; it must be a whole number from 1 to 10, the manager's --max-dns-replicas`},
		{xccv1.DNSResourcesAnnotation, `{"limits":{"memory":"2Gi"}}`, "the limit of memory is 2Gi; the most is 1Gi, the manager's --max-dns-resources"},
		{xccv1.DNSPriorityClassAnnotation, "system-node-critical", `is "system-node-critical"; of the classes that begin with system-`},
	} {
		annotate(test.key, test.value)
		n.Eventually(invalidOptions).Should(ContainSubstring(test.problem))
		n.Expect(n.Payload("cluster-a").Data).To(Equal(good))
	}

	annotate(xccv1.DNSResourcesAnnotation, `{"requests":{"cpu":"0.2"}}`)
	n.Eventually(func(g Gomega) string {
		g.Expect(replicas(g)).To(BeEquivalentTo(2))
		return deployment.Spec.Template.Spec.Containers[0].Resources.Requests.Cpu().String()
	}).Should(Equal("200m"))
	n.Expect(invalidOptions()).To(BeEmpty())

	t.Log("Another class brings its quota; that of the former class is deleted later")
	annotate(xccv1.DNSPriorityClassAnnotation, "addons")
	n.Eventually(func(g Gomega) string {
		g.Expect(workload.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: "addons"}, &corev1.ResourceQuota{})).To(Succeed())
		replicas(g)
		return deployment.Spec.Template.Spec.PriorityClassName
	}).Should(Equal("addons"))
	n.Expect(workload.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: templates.DefaultPriorityClass}, &corev1.ResourceQuota{})).To(Succeed())
}

// Former releases kept each part of the State in an annotation of its own.
func TestAnUpgradeKeepsTheStateOfAFormerRelease(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	const group = "connectivity.tanzu.vmware.com/"
	var before *corev1.Secret
	n.RestartManager(func() {
		before = n.Payload("cluster-a")
		state := install.Load(before)
		obsolete, err := json.Marshal(state.Obsolete)
		n.Expect(err).NotTo(HaveOccurred())
		former := before.DeepCopy()
		former.Annotations = map[string]string{
			group + "payload": state.Payload, group + "release": state.Release, group + "given": state.GivenAt.Format(time.RFC3339),
			group + "obsolete": string(obsolete), group + "written": "xcc.test:53 {\n}\n", group + "draining-since": "", "theirs": "stays",
		}
		n.Expect(fleet.Management.Update(t.Context(), former)).To(Succeed())
	})
	n.Eventually(func() map[string]string { return n.Payload("cluster-a").Annotations }).Should(
		And(HaveLen(2), HaveKey(group+"installation"), HaveKeyWithValue("theirs", "stays")))
	expected := install.Load(before)
	expected.Written = "xcc.test:53 {\n}\n"
	n.Expect(n.State("cluster-a")).To(Equal(expected))
	n.Expect(n.Payload("cluster-a").Data).To(Equal(before.Data), "nothing is applied again")
}

// A binding that was left by a former Cluster of the same name says that all is applied.
func TestAClusterThatIsCreatedAnewIsInstalledAnew(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	former := n.NewWorkload()
	object := n.AddInstalled("cluster-a", former)
	workload := n.NewWorkload()
	n.RestartManager(func() {
		n.StopClusterAPI()
		n.Expect(fleet.Management.Delete(ctx, object)).To(Succeed())
		kubeconfig := &corev1.Secret{}
		n.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-kubeconfig"}, kubeconfig)).To(Succeed())
		n.Expect(fleet.Management.Delete(ctx, kubeconfig)).To(Succeed())
		n.Eventually(func() error {
			return fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object.DeepCopy())
		}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
		n.AddCluster("cluster-a", workload.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	})
	n.AwaitInstalled("cluster-a", workload)
}

// dns-config-patcher has no right to create ConfigMaps in kube-system.
func TestTheManagerCreatesTheConfigMapThatTheCorefileImports(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	n.AddInstalled("cluster-a", workload)
	said := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName},
		Data: map[string]string{
			report.KeyState: string(report.WaitingForConfigMap), report.KeyMessage: "The Corefile imports kube-system/aws-auth",
		},
	}
	n.Expect(workload.Create(ctx, said)).To(Succeed())
	custom := &corev1.ConfigMap{}
	n.Eventually(func() error {
		return workload.Get(ctx, client.ObjectKey{Namespace: "kube-system", Name: "coredns-custom"}, custom)
	}, repairTime).Should(Succeed())
	n.Expect(custom.Data).To(Equal(map[string]string{"xcc.server": ""}))
	n.Expect(custom.Labels).To(Equal(map[string]string{
		"app.kubernetes.io/part-of": "xcc", "app.kubernetes.io/managed-by": "dns-config-patcher",
	}), "by which the patcher knows that it may delete it")

	t.Log("What a user has there is left alone, and no report makes the manager create anything else")
	custom.Data = map[string]string{"a.server": "a.test {\n}\n"}
	n.Expect(workload.Update(ctx, custom)).To(Succeed())
	said.Data[report.KeySince] = "2026-01-01T00:00:00Z"
	n.Expect(workload.Update(ctx, said)).To(Succeed())
	n.Consistently(func(g Gomega) map[string]string {
		g.Expect(workload.Get(ctx, client.ObjectKeyFromObject(custom), custom)).To(Succeed())
		return custom.Data
	}, 2*time.Second).Should(HaveLen(1))
	all := &corev1.ConfigMapList{}
	n.Expect(workload.List(ctx, all, client.InNamespace("kube-system"))).To(Succeed())
	for _, found := range all.Items {
		n.Expect(found.Name).To(Or(Equal("coredns-custom"), Not(HavePrefix("aws"))))
	}
}

// A Role of a former release let the patcher create ConfigMaps in kube-system.
func TestAnUpdateTakesRightsAway(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	former := &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "kube-system", Name: "xcc-dns-config-patcher", Labels: map[string]string{xccv1.PartOfLabel: xccv1.PartOf},
		},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"create"}}},
	}
	n.Expect(workload.Create(ctx, former)).To(Succeed())
	n.AddInstalled("cluster-a", workload)
	n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(former), former)).To(Succeed())
	n.Expect(former.Rules).NotTo(BeEmpty())
	for _, rule := range former.Rules {
		n.Expect(rule.Verbs).NotTo(ContainElement("create"))
	}
}
