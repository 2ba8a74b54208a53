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

package templates_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilresource "sigs.k8s.io/cluster-api/util/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

// limitedClasses makes an API server admit Pods of these classes only to namespaces that have a quota for the class, as GKE does
// for system-cluster-critical.
const limitedClasses = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ResourceQuota
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ResourceQuotaConfiguration
    limitedResources:
    - resource: pods
      matchScopes:
      - {scopeName: PriorityClass, operator: In, values: [system-cluster-critical, system-node-critical, addons]}
`

// startLimited starts an API server with limitedClasses and the controllers that create Pods.
func startLimited(t *testing.T) client.Client {
	t.Helper()
	g := NewWithT(t)
	file := filepath.Join(t.TempDir(), "admission.yaml")
	g.Expect(os.WriteFile(file, []byte(limitedClasses), 0o600)).To(Succeed())
	environment, err := controlplane.New(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	environment.ControlPlane.GetAPIServer().Configure().Set("admission-control-config-file", file)
	config, err := environment.Start()
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(environment.Stop()).To(Succeed()) })
	g.Expect(controlplane.StartControllerManager(t.Context(), t, environment)).To(Succeed())
	c, err := client.New(config, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())
	return c
}

func TestPodsAreAdmittedWhereTheirClassNeedsAQuota(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	c := startLimited(t)
	g.Expect(c.Create(ctx, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "addons"}, Value: 1000})).To(Succeed())
	chosen := values()
	for _, class := range []string{templates.DefaultPriorityClass, "addons", ""} {
		t.Logf("The class is %q", class)
		chosen.PriorityClass = class
		objects, err := templates.Objects(chosen)
		g.Expect(err).NotTo(HaveOccurred())
		for _, object := range utilresource.SortForCreate(objects) {
			g.Expect(c.Apply(ctx, client.ApplyConfigurationFromUnstructured(&object), client.FieldOwner("test"), client.ForceOwnership)).To(Succeed())
		}
		for _, name := range []string{"dns-server", "dns-config-patcher"} {
			g.Eventually(func(g Gomega) {
				g.Expect(podsOf(g, c, t, name, class)).NotTo(BeEmpty())
			}, time.Minute, 100*time.Millisecond).Should(Succeed(), "Pods of %s are created", name)
		}
	}
}

// podsOf returns the Pods of a Deployment that have the class.
func podsOf(g Gomega, c client.Client, t *testing.T, name, class string) []string {
	t.Helper()
	deployment := &appsv1.Deployment{}
	g.Expect(c.Get(t.Context(), client.ObjectKey{Namespace: "xcc-dns", Name: name}, deployment)).To(Succeed())
	pods := &corev1.PodList{}
	g.Expect(c.List(t.Context(), pods, client.InNamespace("xcc-dns"), client.MatchingLabels(deployment.Spec.Selector.MatchLabels))).To(Succeed())
	var found []string
	for _, pod := range pods.Items {
		if pod.Spec.PriorityClassName == class {
			found = append(found, pod.Name)
		}
	}
	return found
}
