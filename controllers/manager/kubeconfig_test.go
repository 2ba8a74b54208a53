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

package manager_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

// sent returns the requests of the manager under test that a server received. Cluster API's own controller, which
// runs in the same process here, has another user agent.
func sent(server *hostile.Server) []hostile.Request {
	var found []hostile.Request
	for _, request := range server.Requests() {
		if strings.HasPrefix(request.UserAgent, "xcc-controller-manager/") {
			found = append(found, request)
		}
	}
	return found
}

func TestAKubeconfigThatNamesAFileIsRefusedAndNothingIsSent(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	const token = "token-of-the-manager-itself"
	file := filepath.Join(t.TempDir(), "token") // It stands for the one of the manager's ServiceAccount.
	n.Expect(os.WriteFile(file, []byte(token), 0o600)).To(Succeed())
	server := hostile.New(t, fleet.WorkloadA.Config)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.151")
	named := server.Kubeconfig(func(config *clientcmdapi.Config) {
		config.AuthInfos["hostile"] = &clientcmdapi.AuthInfo{TokenFile: file}
	})
	n.AddCluster("cluster-a", named, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	const says = `The kubeconfig in Secret cluster-a-kubeconfig is refused: user "hostile" has tokenFile, which is refused: put the token itself into token`
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Message", says),
	)))
	n.Expect(sent(server)).To(BeEmpty(), "the manager has connected with a kubeconfig that it refuses")

	secret := &corev1.Secret{}
	n.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-kubeconfig"}, secret)).To(Succeed())
	secret.Data["value"] = server.Kubeconfig()
	n.Expect(fleet.Management.Update(ctx, secret)).To(Succeed())
	n.Eventually(n.Gateways("gw")).WithTimeout(fleet.Reconnected).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayResolved), HaveField("Addresses", []string{"192.0.2.151"}),
	)), "a corrected kubeconfig is used")
	n.Expect(sent(server)).To(HaveEach(HaveField("Authorization", "Bearer "+hostile.Token)))
}

func TestDNSReadySaysWhatToChangeInAKubeconfigThatIsRefused(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	server := hostile.New(t, nil)
	n.AddCluster("cluster-a", server.Kubeconfig(), map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.Eventually(n.DNSReady("cluster-a")).Should(HaveField("Reason", xccv1.WaitingForControlPlaneReason))

	secret := &corev1.Secret{}
	n.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "cluster-a-kubeconfig"}, secret)).To(Succeed())
	secret.Data["value"] = server.Kubeconfig(func(config *clientcmdapi.Config) {
		config.Clusters["hostile"].CertificateAuthorityData, config.Clusters["hostile"].CertificateAuthority = nil, "/etc/hosts"
	})
	n.Expect(fleet.Management.Update(ctx, secret)).To(Succeed())
	n.Eventually(n.DNSReady("cluster-a")).Should(And(
		HaveField("Reason", xccv1.KubeconfigRefusedReason), HaveField("Status", metav1.ConditionUnknown),
		HaveField("Message", And(
			ContainSubstring("The kubeconfig in Secret cluster-a-kubeconfig is refused"),
			ContainSubstring("put the certificate itself into certificate-authority-data"),
		)),
	), "the change of the Secret is noticed by itself")

	secret.Data["value"] = server.Kubeconfig()
	n.Expect(fleet.Management.Update(ctx, secret)).To(Succeed())
	n.Eventually(n.DNSReady("cluster-a")).Should(HaveField("Reason", xccv1.WaitingForControlPlaneReason))
}

func TestARedirectIsFollowedNowhereAndWhatIsThereIsToldToNobody(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	const found = "what-another-service-answers"
	elsewhere := hostile.New(t, nil)
	elsewhere.Override("", "/*", hostile.Text(http.StatusNotFound, "text/plain", found))
	server := hostile.New(t, fleet.WorkloadA.Config)
	// clustercache asks for / and /api/v1 itself and connects.
	redirect := hostile.RedirectTo(elsewhere.URL() + "/latest/meta-data")
	for _, verb := range []string{http.MethodGet, hostile.Watch, http.MethodPost, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		server.Override(verb, "/api/v1/*", redirect)
		server.Override(verb, "/apis/*", redirect)
	}
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.152")
	kubeconfig := server.Kubeconfig(func(config *clientcmdapi.Config) {
		config.Clusters["hostile"].InsecureSkipTLSVerify, config.Clusters["hostile"].CertificateAuthorityData = true, nil
	})
	n.AddCluster("cluster-a", kubeconfig, map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled})
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Gateways("gw")).WithTimeout(fleet.Reconnected).Should(HaveKeyWithValue("cluster-a", And(
		HaveField("State", xccv1.GatewayUnknown), HaveField("Message", ContainSubstring("answers with a redirect, which is not followed")),
	)))
	n.Eventually(n.DNSReady("cluster-a")).Should(HaveField("Status", metav1.ConditionUnknown))
	n.Expect(sent(elsewhere)).To(BeEmpty(), "the token has gone where the redirect leads")
	n.Expect(n.Gateways("gw")(n)["cluster-a"].Message).NotTo(ContainSubstring(found))
	n.Expect(n.DNSReady("cluster-a")(n).Message).NotTo(ContainSubstring(found))
}

// The requests of clustercache's own clients are neither wrapped nor bounded by anything but the gate.
func TestTheHealthProbeIsRedirectedNowhereAndReadsNotWithoutEnd(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	elsewhere := hostile.New(t, fleet.WorkloadA.Config)
	redirecting, endless := hostile.New(t, fleet.WorkloadA.Config), hostile.New(t, fleet.WorkloadA.Config)
	redirecting.Override("", "/*", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hostile.RedirectTo(elsewhere.URL()+r.URL.RequestURI())(w, r)
	}))
	var streamed atomic.Int64
	endless.Override(http.MethodGet, "/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hostile.Body(http.StatusOK, "text/plain", -1)(&countingWriter{ResponseWriter: w, written: &streamed, counts: r.UserAgent() != "clusterresourceset"}, r)
	}))
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.153")
	for name, server := range map[string]*hostile.Server{"redirecting": redirecting, "endless": endless} {
		n.AddCluster(name, server.Kubeconfig(func(config *clientcmdapi.Config) {
			config.Clusters["hostile"].InsecureSkipTLSVerify, config.Clusters["hostile"].CertificateAuthorityData = true, nil
		}), fleet.HasGateway())
	}
	n.AddCluster("healthy", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("healthy", HaveField("State", xccv1.GatewayResolved)))
	for name, server := range map[string]*hostile.Server{"redirecting": redirecting, "endless": endless} {
		n.Eventually(func() []hostile.Request { return sent(server) }).ShouldNot(BeEmpty(), name+" was asked")
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue(name, HaveField("State", xccv1.GatewayUnknown)))
	}
	n.Expect(sent(elsewhere)).To(BeEmpty(), "the probe has followed a redirect")
	// What the kernel and TLS hold of it comes on top of the 2 MiB that are passed on at once.
	n.Expect(streamed.Load()).To(And(BeNumerically(">", 0), BeNumerically("<", 16<<20)))
}

// countingWriter counts what is written for the clients that count.
type countingWriter struct {
	http.ResponseWriter
	written *atomic.Int64
	counts  bool
}

func (w *countingWriter) Write(data []byte) (int, error) {
	n, err := w.ResponseWriter.Write(data)
	if w.counts {
		w.written.Add(int64(n))
	}
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
