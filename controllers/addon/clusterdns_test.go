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
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/controller"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// Corefiles of a CoreDNS and of a cache in front of it, which is bound to an address on each node.
const (
	servingCorefile = ".:53 {\n    errors\n    kubernetes cluster.local\n    forward . /etc/resolv.conf\n}\n"
	cachingCorefile = "cluster.local:53 {\n    bind 169.254.25.10\n    forward . 10.0.0.53\n}\n.:53 {\n    bind 169.254.25.10\n    forward . /etc/resolv.conf\n}\n"
)

// kubespray is the DNS of a cluster as Kubespray sets it up, and a CoreDNS of a Helm release beside
// it.
const kubespray = `
apiVersion: v1
kind: Service
metadata: {namespace: kube-system, name: coredns}
spec: {clusterIP: 10.0.0.53, selector: {k8s-app: kube-dns}, ports: [{port: 53, protocol: UDP}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: kube-system, name: coredns}
spec:
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec:
      containers:
      - name: coredns
        image: registry.k8s.io/coredns/coredns:v1.12.0
        args: [-conf, /etc/coredns/Corefile]
        volumeMounts: [{name: config-volume, mountPath: /etc/coredns}]
      volumes: [{name: config-volume, configMap: {name: coredns}}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {namespace: kube-system, name: nodelocaldns}
spec:
  selector: {matchLabels: {k8s-app: node-local-dns}}
  template:
    metadata: {labels: {k8s-app: node-local-dns}}
    spec:
      hostNetwork: true
      containers:
      - name: node-cache
        image: registry.k8s.io/dns/k8s-dns-node-cache:1.25.0
        args: [-localip, 169.254.25.10, -conf, /etc/Corefile, -upstreamsvc, coredns]
        volumeMounts: [{name: config-volume, mountPath: /etc/coredns}]
      volumes: [{name: config-volume, configMap: {name: nodelocaldns, items: [{key: Corefile, path: Corefile.base}]}}]
---
apiVersion: v1
kind: Namespace
metadata: {name: dns}
---
apiVersion: v1
kind: Service
metadata: {namespace: dns, name: mine}
spec: {clusterIP: 10.0.0.54, selector: {app: mine}, ports: [{port: 53, protocol: UDP}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: dns, name: mine}
spec:
  selector: {matchLabels: {app: mine}}
  template:
    metadata: {labels: {app: mine}}
    spec:
      containers:
      - name: coredns
        image: example.com/dns:v1
        command: [/coredns, -conf, /config/Corefile]
        volumeMounts: [{name: config, mountPath: /config}]
      volumes: [{name: config, emptyDir: {}}]
`

// addKubespray gives a workload cluster that.
func addKubespray(t *testing.T, workload *fleet.Cluster) {
	t.Helper()
	g := NewWithT(t)
	objects, err := utilyaml.ToUnstructured([]byte(kubespray))
	g.Expect(err).NotTo(HaveOccurred())
	for i := range objects {
		g.Expect(workload.Create(t.Context(), &objects[i])).To(Succeed(), objects[i].GetName())
	}
	for ref, text := range map[string]string{"kube-system/coredns/Corefile": servingCorefile, "kube-system/nodelocaldns/Corefile": cachingCorefile, "dns/mine/config": servingCorefile} {
		file, _ := corefile.ParseFile(ref)
		g.Expect(workload.Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: file.ConfigMap.Namespace, Name: file.ConfigMap.Name}, Data: map[string]string{file.Key: text},
		})).To(Succeed())
	}
}

// newKubespray starts a workload cluster with that, and returns which requests of the manager its
// API server has seen.
func newKubespray(t *testing.T) (*fleet.Cluster, func() string) {
	t.Helper()
	g := NewWithT(t)
	policy, log := filepath.Join(t.TempDir(), "policy.yaml"), filepath.Join(t.TempDir(), "audit.log")
	g.Expect(os.WriteFile(policy, []byte("apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata, omitStages: [RequestReceived]}]\n"), 0o600)).To(Succeed())
	workload := fleet.StartCluster(t, func(environment *envtest.Environment) {
		environment.ControlPlane.GetAPIServer().Configure().Set("audit-policy-file", policy).Set("audit-log-path", log)
	})
	addKubespray(t, workload)
	return workload, func() string {
		text, err := os.ReadFile(log)
		g.Expect(err).NotTo(HaveOccurred())
		var seen []string
		for line := range strings.SplitSeq(string(text), "\n") {
			if strings.Contains(line, `"userAgent":"xcc-controller-manager`) {
				seen = append(seen, line)
			}
		}
		return strings.Join(seen, "\n")
	}
}

// says writes what dns-config-patcher would report.
func (n *node) says(reported map[string]string) {
	n.T.Helper()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}}
	n.Eventually(func() error {
		_, err := controllerutil.CreateOrUpdate(n.T.Context(), n.Workload, configMap, func() error {
			if configMap.Data == nil {
				configMap.Data = map[string]string{}
			}
			maps.Copy(configMap.Data, reported)
			return nil
		})
		return err
	}).Should(Succeed())
}

// text returns a key of a ConfigMap of the workload cluster, by its <namespace>/<configmap>/<key>.
func (n *node) text(ref string) func() (string, error) {
	return func() (string, error) {
		file, _ := corefile.ParseFile(ref)
		configMap := &corev1.ConfigMap{}
		err := n.Workload.Get(n.T.Context(), file.ConfigMap, configMap)
		return configMap.Data[file.Key], err
	}
}

// granted returns the ConfigMaps that dns-config-patcher may change, each as
// <namespace>/<configmap>, in any Role outside of xcc-dns.
func (n *node) granted() []string {
	roles := &rbacv1.RoleList{}
	n.Expect(n.Workload.List(n.T.Context(), roles, client.MatchingLabels{xccv1.PartOfLabel: xccv1.PartOf})).To(Succeed())
	found := []string{}
	for _, role := range roles.Items {
		for _, rule := range role.Rules {
			if role.Namespace != xccv1.WorkloadNamespace && rule.Resources[0] == "configmaps" && rule.Verbs[0] != "delete" {
				for _, name := range rule.ResourceNames {
					found = append(found, role.Namespace+"/"+name)
				}
			}
		}
	}
	return found
}

// runPatcher runs dns-config-patcher with the rights and arguments that the workload cluster has
// for it now, until it is stopped.
func (n *node) runPatcher(nameservers ...string) (stop func()) {
	n.T.Helper()
	deployment := &appsv1.Deployment{}
	n.Expect(n.Workload.Get(n.T.Context(), client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}, deployment)).To(Succeed())
	options := controller.Options{Zones: []string{fleet.Zone}, Namespace: xccv1.WorkloadNamespace, Nameservers: nameservers}
	for _, argument := range deployment.Spec.Template.Spec.Containers[0].Args {
		if choice, ok := strings.CutPrefix(argument, "--cluster-dns="); ok {
			var err error
			options.Choice, err = corefile.ParseChoice(choice)
			n.Expect(err).NotTo(HaveOccurred())
		}
	}
	patcher, err := controller.New(n.asPatcher(), options, prometheus.NewRegistry())
	n.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(n.T.Context())
	done := make(chan struct{})
	go func() { defer close(done); patcher.Run(ctx) }()
	return func() { cancel(); <-done }
}

func (n *node) asPatcher() *rest.Config {
	config := rest.CopyConfig(n.Workload.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + xccv1.WorkloadNamespace + ":" + xccv1.DNSConfigPatcherName}
	return config
}

// annotateCluster sets an annotation of a Cluster, and removes it if the value is empty.
func (n *tenant) annotateCluster(object *clusterv1.Cluster, annotation, value string) {
	n.T.Helper()
	n.Eventually(func(g Gomega) error {
		g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
		original := object.DeepCopy()
		metav1.SetMetaDataAnnotation(&object.ObjectMeta, annotation, value)
		if value == "" {
			delete(object.Annotations, annotation)
		}
		return fleet.Management.Patch(n.T.Context(), object, client.MergeFrom(original))
	}).Should(Succeed())
}

func TestWhatPodsAskIsFoundAndConfigured(t *testing.T) {
	t.Parallel()
	n := newTenant(t, func(options *manager.Options) { options.DrainTime = time.Second })
	ctx := t.Context()
	workload, seen := newKubespray(t)
	object := n.AddInstalled("cluster-a", workload)
	pods := n.node(workload)
	pods.RunPods()
	known := []string{"kube-system/coredns", "kube-system/coredns-custom", "kube-system/rke2-coredns-rke2-coredns", "kube-system/node-local-dns"}
	n.Expect(pods.granted()).To(ConsistOf(known))
	const coreDNS, cache, mine = "kube-system/coredns/Corefile", "kube-system/nodelocaldns/Corefile", "dns/mine/config"

	t.Log("While lookups succeed nothing is looked for")
	stop := pods.runPatcher("169.254.25.10")
	n.Eventually(pods.text(coreDNS)).Should(ContainSubstring("xcc.test:53"))
	n.Eventually(func() string { return n.State("cluster-a").ClusterDNS.String() }).Should(ContainSubstring(coreDNS))
	stop()
	n.Expect(seen()).NotTo(Or(ContainSubstring("daemonsets"), ContainSubstring("/configmaps/coredns")))
	n.Expect(pods.granted()).To(ConsistOf(known))

	t.Log("Pods ask a cache that has no block")
	pods.says(map[string]string{report.KeyProbe: "NXDOMAIN from 169.254.25.10"})
	n.Eventually(pods.granted).Should(ConsistOf("kube-system/coredns", "kube-system/nodelocaldns"))
	n.AwaitInstalled("cluster-a", workload)
	stop = pods.runPatcher("169.254.25.10")
	n.Eventually(pods.text(cache)).Should(And(HavePrefix(cachingCorefile), ContainSubstring("xcc.test:53 {"), ContainSubstring("    bind 169.254.25.10\n    forward . ")))
	pods.says(map[string]string{report.KeyProbe: ""})
	n.Eventually(func() string { return n.State("cluster-a").ClusterDNS.String() }).Should(ContainSubstring(`"` + cache + `"`))
	stop()

	t.Log("The patcher has rights on nothing else, whatever it reports")
	pods.says(map[string]string{
		report.KeyWrittenTo: "kube-system/aws-auth/mapUsers," + coreDNS + "," + cache, report.KeyProbe: "NXDOMAIN", report.KeySince: "2026-01-01T00:00:00Z",
		report.KeyNameservers: "169.254.25.10 10.0.0.1 kube-system/aws-auth",
	})
	n.Consistently(pods.granted, 3*time.Second).Should(ConsistOf("kube-system/coredns", "kube-system/nodelocaldns"))
	asPatcher, err := client.New(pods.asPatcher(), client.Options{})
	n.Expect(err).NotTo(HaveOccurred())
	awsAuth := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}}
	n.Expect(asPatcher.Create(ctx, awsAuth)).To(MatchError(apierrors.IsForbidden, "Forbidden"))
	n.Expect(asPatcher.Get(ctx, client.ObjectKeyFromObject(awsAuth), awsAuth)).To(MatchError(apierrors.IsForbidden, "Forbidden"))

	t.Log("The annotation replaces what was found, and the block moves")
	n.annotateCluster(object, xccv1.DNSCorefileAnnotation, mine)
	n.Eventually(pods.granted).Should(ConsistOf("dns/mine", "kube-system/coredns", "kube-system/nodelocaldns"),
		"also on what it has to take out")
	n.AwaitInstalled("cluster-a", workload)
	stop = pods.runPatcher("10.0.0.54")
	n.Eventually(pods.text(mine)).Should(ContainSubstring("xcc.test:53"))
	n.Eventually(pods.text(cache)).Should(Equal(cachingCorefile))
	n.Eventually(pods.text(coreDNS)).Should(Equal(servingCorefile))
	stop()

	t.Log("A removal takes out all blocks, also one that somebody put back, where the patcher cannot")
	patched, err := pods.text(mine)()
	n.Expect(err).NotTo(HaveOccurred())
	configMap := &corev1.ConfigMap{}
	n.Expect(workload.Get(ctx, client.ObjectKey{Namespace: "kube-system", Name: "nodelocaldns"}, configMap)).To(Succeed())
	configMap.Data["Corefile"] = cachingCorefile + strings.TrimPrefix(patched, servingCorefile)
	n.Expect(workload.Update(ctx, configMap)).To(Succeed())
	n.annotateCluster(object, xccv1.DNSCorefileAnnotation, "")
	n.SetLabel(object, "")
	deployment := n.AwaitAsked(workload)
	n.Expect(workload.Delete(ctx, deployment)).To(Succeed())
	n.Eventually(pods.text(mine)).Should(Equal(servingCorefile))
	n.Eventually(pods.text(cache)).Should(Equal(cachingCorefile))
	n.Eventually(func() error {
		return workload.Get(ctx, client.ObjectKey{Namespace: "dns", Name: "xcc-dns-config-patcher"}, &rbacv1.Role{})
	}).Should(MatchError(apierrors.IsNotFound, "NotFound"))
}

func TestPodsThatAskWhatCannotBeConfiguredAreNamed(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	workload := n.NewWorkload()
	addKubespray(t, workload)
	object := n.AddInstalled("cluster-a", workload)
	pods := n.node(workload)
	pods.RunPods()
	dnsReady := n.DNSReady("cluster-a")
	pods.says(map[string]string{
		report.KeyState: string(report.Forwarding), report.KeySince: "2026-01-01T00:00:00Z", report.KeyProbe: "NXDOMAIN from 10.0.0.54", report.KeyNameservers: "10.0.0.54",
		report.KeyWrittenTo: "kube-system/coredns/Corefile",
	})
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionFalse, "ClusterDNSUnconfigured", "Pods ask 10.0.0.54, which is Service dns/mine of Deployment dns/mine: its Corefile "+
		"/config/Corefile is in volume config of Deployment dns/mine, which is not a ConfigMap; annotate the Cluster with connectivity.tanzu.vmware.com/dns-corefile="))

	t.Log("An annotation that is wrong says so")
	n.annotateCluster(object, xccv1.DNSCorefileAnnotation, "dns/mine")
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionFalse, "ClusterDNSUnconfigured", `dns-corefile is "dns/mine"; it must be <namespace>/<configmap>/<key>`))
	n.annotateCluster(object, xccv1.DNSCorefileAnnotation, "dns/mine/config")
	n.Eventually(pods.granted).Should(ConsistOf("dns/mine", "kube-system/coredns", "kube-system/coredns-custom"))
	n.AwaitInstalled("cluster-a", workload)
	pods.RunPods()
	pods.says(map[string]string{report.KeyProbe: "", report.KeyWrittenTo: "dns/mine/config"})
	pods.Renew(time.Now(), fleet.ThreeIntervals)
	n.Eventually(dnsReady).Should(fleet.Says(metav1.ConditionTrue, "Ready", ""))
	n.Eventually(func() string { return n.State("cluster-a").ClusterDNSProblem }).Should(BeEmpty())
}
