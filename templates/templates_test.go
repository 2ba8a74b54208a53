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
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

func values() templates.Values {
	return templates.Values{Zone: "xcc.test", Image: "registry.example.com/xcc-dns:v1", Replicas: 2, TTL: 5, PriorityClass: templates.DefaultPriorityClass}
}

func render(g Gomega, values templates.Values) (objects map[string]unstructured.Unstructured, deployments map[string]*appsv1.Deployment) {
	data, err := templates.Render(values)
	g.Expect(err).NotTo(HaveOccurred())
	list, err := utilyaml.ToUnstructured(data)
	g.Expect(err).NotTo(HaveOccurred())
	objects, deployments = map[string]unstructured.Unstructured{}, map[string]*appsv1.Deployment{}
	for _, object := range list {
		objects[object.GetKind()+"/"+object.GetName()] = object
		if object.GetKind() == "Deployment" {
			deployment := &appsv1.Deployment{}
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, deployment, true)).To(Succeed())
			deployments[object.GetName()] = deployment
		}
	}
	return objects, deployments
}

func TestRenderFillsInWhatIsChosen(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	chosen := values()
	chosen.Zone, chosen.Replicas, chosen.TTL, chosen.ImagePullSecret = "dns.example.com", 3, 30, "pull"
	chosen.DenyAddresses = []string{"10.96.0.0/12", "fd00::/8"}
	chosen.Tolerations = []corev1.Toleration{{Key: "dedicated", Operator: corev1.TolerationOpExists}}
	chosen.NodeSelector = map[string]string{"pool": "infra"}
	chosen.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}
	_, deployments := render(g, chosen)
	g.Expect(deployments).To(HaveLen(2))
	for _, deployment := range deployments {
		pod := deployment.Spec.Template.Spec
		g.Expect(pod.Containers[0].Image).To(Equal("registry.example.com/xcc-dns:v1"))
		g.Expect(pod.Containers[0].Args).To(ContainElement("--zone=dns.example.com"))
		g.Expect(pod.ImagePullSecrets).To(ConsistOf(corev1.LocalObjectReference{Name: "pull"}))
		g.Expect(pod.Tolerations).To(And(HaveLen(3), ContainElement(chosen.Tolerations[0])))
		g.Expect(pod.NodeSelector).To(Equal(map[string]string{"kubernetes.io/os": "linux", "pool": "infra"}))
	}
	server := deployments["dns-server"]
	g.Expect(server.Spec.Replicas).To(HaveValue(BeEquivalentTo(3)))
	g.Expect(server.Spec.Template.Spec.Containers[0].Args).To(ContainElements("--ttl=30", "--deny-addresses=10.96.0.0/12,fd00::/8"))
	g.Expect(server.Spec.Template.Spec.Containers[0].Resources).To(Equal(*chosen.Resources))
	g.Expect(deployments["dns-config-patcher"].Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
}

func TestTheQuotaIsThatOfTheClass(t *testing.T) {
	t.Parallel()
	for name, class := range map[string]string{"the default": templates.DefaultPriorityClass, "another": "addons.example.com", "none": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			chosen := values()
			chosen.PriorityClass = class
			objects, deployments := render(g, chosen)
			for _, deployment := range deployments {
				g.Expect(deployment.Spec.Template.Spec.PriorityClassName).To(Equal(class))
			}
			var quotas []string
			for key, object := range objects {
				if object.GetKind() == "ResourceQuota" {
					quotas = append(quotas, key)
				}
			}
			if class == "" {
				g.Expect(quotas).To(BeEmpty())
				return
			}
			g.Expect(quotas).To(ConsistOf("ResourceQuota/" + class))
			quota := &corev1.ResourceQuota{}
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(objects[quotas[0]].Object, quota, true)).To(Succeed())
			g.Expect(quota.Spec.ScopeSelector.MatchExpressions).To(ConsistOf(corev1.ScopedResourceSelectorRequirement{
				ScopeName: corev1.ResourceQuotaScopePriorityClass, Operator: corev1.ScopeSelectorOpIn, Values: []string{class},
			}))
		})
	}
}

// Whoever applies the manifests by hand gets what the manager installs by default.
func TestTheManifestsHaveTheDefaultClass(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, file := range []string{"admission.yaml", "dns-server.yaml", "dns-config-patcher.yaml"} {
		g.Expect(os.ReadFile(file)).To(ContainSubstring(templates.DefaultPriorityClass), file)
	}
}

func TestRenderIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	first, err := templates.Render(values())
	g.Expect(err).NotTo(HaveOccurred())
	second, err := templates.Render(values())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(second).To(Equal(first))
}

// An old installation is taken over in place, so what cannot be changed in place must be as it was there.
func TestWhatTheOldProjectFixedIsKept(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	objects, deployments := render(g, values())
	server := deployments["dns-server"]
	g.Expect(server.Spec.Selector.MatchLabels).To(Equal(map[string]string{"app": "dns-server"}))
	g.Expect(server.Spec.Template.Spec.Containers[0].Ports).To(ContainElements(
		corev1.ContainerPort{Name: "dns", ContainerPort: 1053, Protocol: corev1.ProtocolUDP},
		corev1.ContainerPort{Name: "dns-tcp", ContainerPort: 1053, Protocol: corev1.ProtocolTCP},
	))
	service := &corev1.Service{}
	g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(objects["Service/dns-server"].Object, service)).To(Succeed())
	for _, port := range service.Spec.Ports {
		g.Expect(port.TargetPort.StrVal).To(Equal(port.Name))
	}
	g.Expect(objects).To(HaveKey("NetworkPolicy/dns-server"))
	g.Expect(objects).To(HaveKey("PodDisruptionBudget/dns-server"))
	g.Expect(objects).NotTo(HaveKey("Job/dns-config-patcher"))
}

// Whatever the limit is: it can be chosen for each cluster, and a fixed value would be wrong for all others.
func TestTheGarbageCollectorKnowsTheMemoryLimit(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, deployments := render(g, values())
	variables := deployments["dns-server"].Spec.Template.Spec.Containers[0].Env
	g.Expect(variables).To(HaveLen(1))
	g.Expect(variables[0].Name).To(Equal("GOMEMLIMIT"))
	g.Expect(variables[0].ValueFrom.ResourceFieldRef.Resource).To(Equal("limits.memory"))
}

// What the init container says holds for the dns-server only if both have one image, and a former release's must not fail there.
func TestAPodTellsWhatItsImageReads(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, deployments := render(g, values())
	pod := deployments["dns-server"].Spec.Template.Spec
	g.Expect(pod.InitContainers).To(HaveLen(1))
	tells := pod.InitContainers[0]
	g.Expect(tells.Name).To(Equal(capability.Container))
	g.Expect(tells.Image).To(Equal(pod.Containers[0].Image))
	g.Expect(pod.Containers[0].Name).To(Equal(xccv1.DNSServerName))
	g.Expect(append(tells.Command, tells.Args...)).To(Equal([]string{"/dns-server", "--version"}), "every release knows this flag")
	g.Expect(tells.Env).To(ConsistOf(corev1.EnvVar{Name: capability.FileVariable, Value: corev1.TerminationMessagePathDefault}))
	g.Expect(tells.TerminationMessagePath).To(BeEmpty(), "the default is the file")
}

// TestAFormerImageKnowsAllFlags fails for a flag that is new: XCC_DNS_IMAGE may name an image of a former release, which would not
// start with it. Give a new flag a good default instead.
func TestAFormerImageKnowsAllFlags(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, deployments := render(g, values())
	known := []string{
		"--namespace", "--dns-bind-address", "--health-bind-address", "--metrics-bind-address", "--lameduck", "--zone", "--ttl",
		"--deny-addresses", "--alias-max-stale", "--query-log-every", "--debug-records", "--resolv-conf",
	}
	args := deployments["dns-server"].Spec.Template.Spec.Containers[0].Args
	g.Expect(args).NotTo(BeEmpty())
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		g.Expect(known).To(ContainElement(name))
	}
}

func TestPodsMeetTheRestrictedPodSecurityStandard(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, deployments := render(g, values())
	for _, deployment := range deployments {
		pod := deployment.Spec.Template.Spec
		g.Expect(pod.SecurityContext.RunAsNonRoot).To(HaveValue(BeTrue()))
		g.Expect(pod.SecurityContext.SeccompProfile.Type).To(Equal(corev1.SeccompProfileTypeRuntimeDefault))
		for _, each := range slices.Concat(pod.InitContainers, pod.Containers) {
			container := each.SecurityContext
			g.Expect(container.AllowPrivilegeEscalation).To(HaveValue(BeFalse()))
			g.Expect(container.ReadOnlyRootFilesystem).To(HaveValue(BeTrue()))
			g.Expect(container.Capabilities.Drop).To(ConsistOf(corev1.Capability("ALL")))
		}
		g.Expect(pod.PriorityClassName).To(Equal("system-cluster-critical"))
	}
}

// rulesOf returns the rules of the patcher's Roles for cluster DNS as "namespace: verbs resources names", with each RoleBinding as
// "namespace: subject".
func rulesOf(g Gomega, values templates.Values) []string {
	objects, err := templates.Objects(values)
	g.Expect(err).NotTo(HaveOccurred())
	var rules []string
	for _, object := range objects {
		if object.GetName() != "xcc-dns-config-patcher" {
			continue
		}
		role, binding := &rbacv1.Role{}, &rbacv1.RoleBinding{}
		if object.GetKind() == "Role" {
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, role, true)).To(Succeed())
		} else {
			g.Expect(runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, binding, true)).To(Succeed())
		}
		for _, rule := range role.Rules {
			rules = append(rules, fmt.Sprint(object.GetNamespace(), ": ", rule.Verbs, rule.Resources, rule.ResourceNames))
		}
		for _, subject := range binding.Subjects {
			rules = append(rules, object.GetNamespace()+": "+subject.Namespace+"/"+subject.Name)
		}
	}
	return rules
}

func TestThePatcherHasRightsOnWhatItConfiguresAlone(t *testing.T) {
	t.Parallel()
	const account = "xcc-dns/dns-config-patcher"
	g := NewWithT(t)
	g.Expect(rulesOf(g, values())).To(ConsistOf(
		"kube-system: [list watch update] [configmaps] [coredns coredns-custom rke2-coredns-rke2-coredns node-local-dns]",
		"kube-system: [delete] [configmaps] [coredns-custom]", "kube-system: [get] [deployments] [kube-dns]", "kube-system: "+account,
	))
	var known []string
	for _, name := range (corefile.Choice{}).ConfigMaps() {
		known = append(known, name.Name)
	}
	g.Expect(known).To(ConsistOf("coredns", "coredns-custom", "rke2-coredns-rke2-coredns", "node-local-dns"), "the manifest has those that are known")

	server := func(ref string, mounts ...corefile.Mount) corefile.Server {
		file, ok := corefile.ParseFile(ref)
		g.Expect(ok).To(BeTrue())
		return corefile.Server{Corefile: file, Mounts: mounts}
	}
	chosen := values()
	chosen.ClusterDNS = corefile.Choice{Servers: []corefile.Server{server("dns/mine/Corefile")}}
	g.Expect(rulesOf(g, chosen)).To(ConsistOf(
		"kube-system: [get] [deployments] [kube-dns]", "kube-system: "+account, "dns: [list watch update] [configmaps] [mine]", "dns: "+account,
	))
	chosen.ClusterDNS.Servers = append(chosen.ClusterDNS.Servers, server("kube-system/nodelocaldns/Corefile", corefile.Mount{Path: "/c", ConfigMap: corefile.Custom()}))
	chosen.ClusterDNS.Former = []corefile.Server{server("dns/former/Corefile")}
	g.Expect(rulesOf(g, chosen)).To(ConsistOf(
		"kube-system: [list watch update] [configmaps] [coredns-custom nodelocaldns]", "kube-system: [delete] [configmaps] [coredns-custom]",
		"kube-system: [get] [deployments] [kube-dns]", "kube-system: "+account, "dns: [list watch update] [configmaps] [former mine]", "dns: "+account,
	))
	_, deployments := render(g, chosen)
	g.Expect(deployments["dns-config-patcher"].Spec.Template.Spec.Containers[0].Args).To(ContainElement("--cluster-dns=" + chosen.ClusterDNS.String()))
	g.Expect(deployments["dns-server"].Spec.Template.Spec.Containers[0].Args).NotTo(ContainElement(HavePrefix("--cluster-dns")))
	parsed, err := corefile.ParseChoice(chosen.ClusterDNS.String())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(parsed).To(Equal(chosen.ClusterDNS))
}

func TestValidateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*templates.Values)
		says   string
	}{
		"no zone":                       {func(v *templates.Values) { v.Zone = "" }, `zone ""`},
		"a zone in capitals":            {func(v *templates.Values) { v.Zone = "XCC.test" }, "must be a DNS name in lower case"},
		"a zone with a dot":             {func(v *templates.Values) { v.Zone = "xcc.test." }, "without a final dot"},
		"no image":                      {func(v *templates.Values) { v.Image = "" }, "image must not be empty"},
		"no replicas":                   {func(v *templates.Values) { v.Replicas = 0 }, "it must be at least 1"},
		"a negative TTL":                {func(v *templates.Values) { v.TTL = -1 }, "it must be from 0 to 86400"},
		"a TTL that dns-server refuses": {func(v *templates.Values) { v.TTL = 86401 }, "it must be from 0 to 86400"},
		"a range that is none":          {func(v *templates.Values) { v.DenyAddresses = []string{"10.0.0.0/8", "fd00::1/8"} }, "write fd00::/8"},
		"a wildcard as zone":            {func(v *templates.Values) { v.Zone = "*.test" }, "without a wildcard"},
		"a zone without room":           {func(v *templates.Values) { v.Zone = strings.Repeat("a.", 50) + "b" }, "at most 100 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			wrong := values()
			g.Expect(wrong.Validate()).To(Succeed())
			test.change(&wrong)
			g.Expect(wrong.Validate()).To(MatchError(ContainSubstring(test.says)))
		})
	}
}
