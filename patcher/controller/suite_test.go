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

package controller_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/controller"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

const (
	namespace = "xcc-dns"
	patcher   = "dns-config-patcher"
	clusterIP = "10.0.0.53" // In the Service network of envtest's API server.

	defaultCorefile = ".:53 {\n    errors\n    forward . /etc/resolv.conf\n}\n"
)

// admin may do everything. The controllers run as their ServiceAccount, with its rights in the manifests.
var (
	admin       ctrlclient.Client
	adminConfig *rest.Config
)

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	ctx := context.Background()
	env, err := controlplane.New(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	adminConfig, err = env.Start()
	if err == nil {
		defer func() { _ = env.Stop() }()
		admin, err = ctrlclient.New(adminConfig, ctrlclient.Options{})
	}
	if err == nil {
		err = grant(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// grant creates what the released manifests give the patcher: its ServiceAccount with its rights, and its Deployment.
func grant(ctx context.Context) error {
	manifests, err := templates.Render(templates.Values{Zone: "xcc.test", Image: "none", Replicas: 1})
	if err != nil {
		return err
	}
	objects, err := utilyaml.ToUnstructured(manifests)
	if err != nil {
		return err
	}
	if err := admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return fmt.Errorf("creating the namespace: %w", err)
	}
	for i := range objects {
		object := &objects[i]
		if object.GetName() != patcher && object.GetNamespace() != "kube-system" {
			continue // Of the DNS server.
		}
		if err := admin.Create(ctx, object); err != nil {
			return fmt.Errorf("creating the %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// cluster is the one workload cluster that all tests use, one after the other.
type cluster struct {
	*WithT

	t *testing.T
}

// newCluster empties the cluster of what former tests left.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{WithT: NewWithT(t), t: t}
	c.SetDefaultEventuallyTimeout(30 * time.Second)
	c.SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	for _, name := range []string{"coredns", "coredns-custom", "rke2-coredns-rke2-coredns", "node-local-dns"} {
		c.delete(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name}})
	}
	c.ask(false)
	c.delete(dnsServer(""))
	c.delete(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: patcher}})
	c.delete(&coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "dns-probe"}})
	c.Expect(admin.DeleteAllOf(c.t.Context(), &corev1.Event{}, ctrlclient.InNamespace(namespace))).To(Succeed())
	return c
}

// ask sets or removes the annotation that asks for the removal.
func (c *cluster) ask(removal bool) {
	c.t.Helper()
	value := "null"
	if removal {
		value = `"true"`
	}
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: patcher}}
	patch := ctrlclient.RawPatch(types.MergePatchType, []byte(`{"metadata":{"annotations":{"`+xccv1.RemoveAnnotation+`":`+value+`}}}`))
	c.Expect(admin.Patch(c.t.Context(), deployment, patch)).To(Succeed())
}

func coreDNS(text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"},
		Data:       map[string]string{"Corefile": text},
	}
}

// kubeDNS is the Deployment of what clusters had before CoreDNS.
func kubeDNS() *appsv1.Deployment {
	labels := map[string]string{"k8s-app": "kube-dns"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-dns"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "kubedns", Image: "none"}}},
			},
		},
	}
}

func dnsServer(ip string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "dns-server"},
		Spec:       corev1.ServiceSpec{ClusterIP: ip, Ports: []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP}}},
	}
}

func (c *cluster) create(object ctrlclient.Object) {
	c.t.Helper()
	c.Expect(admin.Create(c.t.Context(), object)).To(Succeed())
}

func (c *cluster) delete(object ctrlclient.Object) {
	c.t.Helper()
	c.Expect(ctrlclient.IgnoreNotFound(admin.Delete(c.t.Context(), object))).To(Succeed())
}

// overwrite replaces the whole ConfigMap whatever its version, as the kubeadm control plane does.
func (c *cluster) overwrite(text string) {
	c.t.Helper()
	c.Expect(admin.Update(c.t.Context(), coreDNS(text))).To(Succeed())
}

func (c *cluster) configMap(namespace, name string) *corev1.ConfigMap {
	c.t.Helper()
	configMap := &corev1.ConfigMap{}
	c.Expect(admin.Get(c.t.Context(), ctrlclient.ObjectKey{Namespace: namespace, Name: name}, configMap)).To(Succeed())
	return configMap
}

func (c *cluster) corefile() string {
	c.t.Helper()
	return c.configMap("kube-system", "coredns").Data["Corefile"]
}

func (c *cluster) memory() map[string]string {
	memory := &corev1.ConfigMap{}
	err := admin.Get(c.t.Context(), ctrlclient.ObjectKey{Namespace: namespace, Name: patcher}, memory)
	if !apierrors.IsNotFound(err) {
		c.Expect(err).NotTo(HaveOccurred())
	}
	return memory.Data
}

// events returns the reasons of the Events on the Deployment, the first one first.
func (c *cluster) events() []string {
	list := &corev1.EventList{}
	c.Expect(admin.List(c.t.Context(), list, ctrlclient.InNamespace(namespace))).To(Succeed())
	deployment := &appsv1.Deployment{}
	c.Expect(admin.Get(c.t.Context(), ctrlclient.ObjectKey{Namespace: namespace, Name: patcher}, deployment)).To(Succeed())
	var reasons []string
	for _, event := range list.Items { // Their names end in the time.
		if event.InvolvedObject.Kind == "Service" {
			continue // The API server's own, which now and then checks the ClusterIPs that tests take.
		}
		c.Expect(event.InvolvedObject.Kind).To(Equal("Deployment"))
		c.Expect(event.InvolvedObject.UID).To(Equal(deployment.UID), "kubectl describe finds Events by it")
		reasons = append(reasons, event.Type+" "+event.Reason)
	}
	return reasons
}

func (c *cluster) eventuallyState(state report.State) {
	c.t.Helper()
	c.Eventually(c.memory).Should(HaveKeyWithValue("state", string(state)), "the controller reports its state")
}

// eventuallyForwards waits for one block that forwards to the address, and for the report of it.
func (c *cluster) eventuallyForwards(ip string) {
	c.t.Helper()
	c.Eventually(c.corefile).Should(ContainSubstring("forward . "+ip+" {"), "the controller writes the block")
	c.Expect(strings.Count(c.corefile(), "xcc.test:53 {")).To(Equal(1))
	c.eventuallyState(report.Forwarding)
}

// running is a controller at work.
type running struct {
	controller *controller.Controller
	registry   *prometheus.Registry
	// stop ends it and waits for that.
	stop func()
}

// run starts a controller as its ServiceAccount. The transport's wrapper can be nil.
func (c *cluster) run(wrap func(http.RoundTripper) http.RoundTripper) running {
	c.t.Helper()
	config := rest.CopyConfig(adminConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + patcher}
	if wrap != nil {
		config.Wrap(wrap)
	}
	registry := prometheus.NewRegistry()
	started, err := controller.New(config, controller.Options{Zones: []string{"xcc.test"}, Namespace: namespace}, registry)
	c.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(c.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		started.Run(ctx)
	}()
	stop := func() {
		cancel()
		<-done
	}
	c.t.Cleanup(stop)
	return running{controller: started, registry: registry, stop: stop}
}

// eventuallyReports waits until a reconcile of this controller has ended in the state.
func (c *cluster) eventuallyReports(r running, state report.State) {
	c.t.Helper()
	var expected strings.Builder
	expected.WriteString("# HELP xcc_corefile_state 1 for the state that the Corefile is in, 0 for the others.\n# TYPE xcc_corefile_state gauge\n")
	for _, other := range report.States() {
		value := 0
		if other == state {
			value = 1
		}
		fmt.Fprintf(&expected, "xcc_corefile_state{state=%q} %d\n", other, value)
	}
	c.Eventually(func() error {
		return testutil.GatherAndCompare(r.registry, strings.NewReader(expected.String()), "xcc_corefile_state")
	}).Should(Succeed(), "the metric says the state")
}
