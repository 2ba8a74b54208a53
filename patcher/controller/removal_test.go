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
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

const importing = defaultCorefile + "import /etc/coredns/custom/*.server\n"

func custom(data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns-custom"}, Data: data}
}

// customExists returns whether kube-system/coredns-custom does.
func (c *cluster) customExists() bool {
	err := admin.Get(c.t.Context(), ctrlclient.ObjectKeyFromObject(custom(nil)), &corev1.ConfigMap{})
	if !apierrors.IsNotFound(err) {
		c.Expect(err).NotTo(HaveOccurred())
	}
	return err == nil
}

func (c *cluster) deployment() *appsv1.Deployment {
	c.t.Helper()
	deployment := &appsv1.Deployment{}
	c.Expect(admin.Get(c.t.Context(), ctrlclient.ObjectKey{Namespace: namespace, Name: patcher}, deployment)).To(Succeed())
	return deployment
}

func TestTheBlockGoesWhenItIsAskedAndComesBack(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyForwards(clusterIP)
	patched := c.corefile()

	c.ask(true)
	c.eventuallyReports(r, report.Removed)
	c.Expect(c.corefile()).To(Equal(defaultCorefile), "as if it had never been there")
	c.Expect(c.memory()).To(HaveKeyWithValue("message", ContainSubstring("No server block for xcc.test")))

	c.overwrite(patched)
	c.Eventually(c.corefile).Should(Equal(defaultCorefile), "the kubeadm control plane writes back what it read before")
	c.overwrite("# Edited.\n" + defaultCorefile)
	c.delete(dnsServer(""))
	c.Consistently(c.corefile, time.Second).Should(Equal("# Edited.\n"+defaultCorefile), "nothing is written any more")

	c.create(dnsServer(clusterIP))
	c.ask(false)
	c.eventuallyForwards(clusterIP)
	c.Expect(c.corefile()).To(HavePrefix("# Edited.\n" + defaultCorefile))
	c.Eventually(c.events).Should(Equal([]string{"Normal Forwarding", "Normal Removed", "Normal Forwarding"}))
}

func TestARemovalGoesOnAfterARestartWithoutTheService(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	first := c.run(nil)
	c.eventuallyForwards(clusterIP)
	first.stop()

	c.ask(true)
	c.delete(dnsServer(""))
	c.overwrite("# Edited.\n" + c.corefile())
	c.run(nil)
	c.eventuallyState(report.Removed)
	c.Expect(c.corefile()).To(Equal("# Edited.\n"+defaultCorefile), "the block is known by what was remembered")
}

func TestNothingIsWrittenOnceTheDeploymentIsGone(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyForwards(clusterIP)
	c.ask(true)
	c.eventuallyReports(r, report.Removed)

	deployment := c.deployment()
	c.delete(deployment)
	c.Consistently(c.corefile, time.Second).Should(Equal(defaultCorefile), "the end of the Deployment is not the end of the removal")
	deployment.ResourceVersion, deployment.UID = "", ""
	c.create(deployment)
}

func TestARemovalThatCannotBeDoneIsReported(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyForwards(clusterIP)
	broken := c.corefile() + "}\n"
	c.overwrite(broken)
	c.ask(true)
	c.Eventually(c.memory).Should(HaveKeyWithValue("message",
		ContainSubstring("cannot be taken out: the Corefile in kube-system/coredns cannot be edited")), "somebody has to know")
	c.eventuallyReports(r, report.UnsupportedCorefile)
	c.Expect(c.corefile()).To(Equal(broken))
	c.overwrite(strings.TrimSuffix(broken, "}\n"))
	c.eventuallyReports(r, report.Removed)
	c.Expect(c.corefile()).To(Equal(defaultCorefile))
}

// createAsManager creates kube-system/coredns-custom as the manager does when the patcher reports that it needs one.
func (c *cluster) createAsManager() {
	c.t.Helper()
	empty := custom(map[string]string{"xcc.server": ""})
	empty.Labels = map[string]string{"app.kubernetes.io/part-of": "xcc", "app.kubernetes.io/managed-by": patcher}
	c.create(empty)
}

func TestACorefileThatImportsIsLeftAlone(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(importing))
	c.create(dnsServer(clusterIP))
	version := c.configMap("kube-system", "coredns").ResourceVersion
	r := c.run(nil)
	c.eventuallyReports(r, report.WaitingForConfigMap)
	c.Expect(c.customExists()).To(BeFalse(), "it is not the patcher that creates it")
	c.createAsManager()
	c.eventuallyReports(r, report.Forwarding)
	c.Expect(c.configMap("kube-system", "coredns").ResourceVersion).To(Equal(version))
	c.Expect(c.configMap("kube-system", "coredns-custom").Data).To(HaveKeyWithValue("xcc.server", ContainSubstring("forward . "+clusterIP+" {")))
	c.Expect(c.memory()).To(HaveKeyWithValue("coreDNS", "ConfigMap kube-system/coredns-custom, imported by ConfigMap kube-system/coredns"))

	c.ask(true)
	c.eventuallyReports(r, report.Removed)
	c.Eventually(c.customExists).Should(BeFalse(), "what was created for us goes when nothing is left in it")

	c.create(custom(map[string]string{"a.server": "a.test {\n}\n"}))
	c.ask(false)
	c.eventuallyReports(r, report.Forwarding)
	c.Expect(c.configMap("kube-system", "coredns-custom").Data).To(HaveKey("xcc.server"))
	c.ask(true)
	c.eventuallyReports(r, report.Removed)
	c.Expect(c.configMap("kube-system", "coredns-custom").Data).To(Equal(map[string]string{"a.server": "a.test {\n}\n"}))
}

func TestNodeLocalDNSCacheHasItsOwnBlock(t *testing.T) {
	c := newCluster(t)
	const cache = ".:53 {\n    bind 169.254.20.10 10.96.0.10\n    forward . __PILLAR__UPSTREAM__SERVERS__\n}\n"
	nodeLocal := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "node-local-dns"},
		Data:       map[string]string{"Corefile": cache},
	}
	c.create(coreDNS(defaultCorefile))
	c.create(nodeLocal)
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyReports(r, report.Forwarding)
	c.Expect(c.configMap("kube-system", "node-local-dns").Data["Corefile"]).To(
		And(HavePrefix(cache), ContainSubstring("    bind 169.254.20.10 10.96.0.10\n    forward . "+clusterIP)))
	c.ask(true)
	c.eventuallyReports(r, report.Removed)
	c.Expect(c.configMap("kube-system", "node-local-dns").Data["Corefile"]).To(Equal(cache))
	c.Expect(c.corefile()).To(Equal(defaultCorefile))
}

// A block that is in the main Corefile stays there until there is a place for it: nothing may be without an answer meanwhile.
func TestABlockStaysUntilTheConfigMapExists(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyForwards(clusterIP)
	withBlock := c.corefile() + "import /etc/coredns/custom/*.server\n"
	c.overwrite(withBlock)
	c.eventuallyReports(r, report.WaitingForConfigMap)
	c.Expect(c.corefile()).To(Equal(withBlock))
	c.createAsManager()
	c.eventuallyReports(r, report.Forwarding)
	c.Expect(c.corefile()).NotTo(ContainSubstring("xcc.test"))
	c.Expect(c.configMap("kube-system", "coredns-custom").Data).To(HaveKeyWithValue("xcc.server", ContainSubstring("forward . "+clusterIP+" {")))
}

// The add-on may go before the patcher has written anything into what was created for it.
func TestWhatWasCreatedAndNotUsedGoes(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(importing))
	c.createAsManager()
	c.ask(true)
	r := c.run(nil)
	c.eventuallyReports(r, report.Removed)
	c.Eventually(c.customExists).Should(BeFalse(), "the cluster is as if the add-on had never been there")
}

// On some platforms a ConfigMap of kube-system says who is an administrator: aws-auth does on EKS.
func TestThePatcherCreatesNothingInKubeSystem(t *testing.T) {
	c := newCluster(t)
	config := rest.CopyConfig(adminConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + patcher}
	asPatcher, err := ctrlclient.New(config, ctrlclient.Options{})
	c.Expect(err).NotTo(HaveOccurred())
	awsAuth := metav1.ObjectMeta{Namespace: "kube-system", Name: "aws-auth"}
	for _, object := range []ctrlclient.Object{
		&corev1.ConfigMap{ObjectMeta: awsAuth}, &corev1.Secret{ObjectMeta: awsAuth}, &corev1.Pod{ObjectMeta: awsAuth}, &corev1.ServiceAccount{ObjectMeta: awsAuth},
		&rbacv1.RoleBinding{ObjectMeta: awsAuth}, &corev1.Event{ObjectMeta: awsAuth},
	} {
		c.Expect(asPatcher.Create(t.Context(), object)).To(MatchError(apierrors.IsForbidden, "Forbidden"), "%T", object)
	}
	c.create(&corev1.ConfigMap{ObjectMeta: awsAuth})
	defer c.delete(&corev1.ConfigMap{ObjectMeta: awsAuth})
	theirs := c.configMap("kube-system", "aws-auth")
	c.Expect(asPatcher.Update(t.Context(), theirs)).To(MatchError(apierrors.IsForbidden, "Forbidden"))
	c.Expect(asPatcher.Delete(t.Context(), theirs)).To(MatchError(apierrors.IsForbidden, "Forbidden"))
}
