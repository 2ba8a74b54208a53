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
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rights"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

// Two managers, each with the rights of its own namespace, do what one with rights everywhere does.
func TestManagersOfOneNamespaceEach(t *testing.T) {
	t.Parallel()
	one, other := &tenant{fleet.NewNamespace(t)}, &tenant{fleet.NewNamespace(t)}
	options, access := one.installHere()
	stopOne := fleet.StartManagerAs(t, access, options)
	otherOptions, otherAccess := other.installHere()
	stopOther := fleet.StartManagerAs(t, otherAccess, otherOptions)

	installed := one.expectInstalled()
	oneGateway, otherGateway := one.expectPublished("192.0.2.180"), other.expectPublished("192.0.2.181")
	one.expectWithdrawn(oneGateway)
	other.expectWithdrawn(otherGateway)
	one.expectRemoved(installed)
	stopOne() // The end of a watch is what an API server logs.
	stopOther()

	one.expectNamespacedRequests()
	other.expectNamespacedRequests()
	one.expectRightsUsed()
	one.expectNoAccessTo(other, access)
	other.expectNoAccessTo(one, otherAccess)
}

// installHere installs what the documentation says, with the commands that it says. It returns the manager's flags in the
// Deployment, and access to the management cluster as the manager's ServiceAccount.
func (n *tenant) installHere() (*manager.Options, *rest.Config) {
	n.T.Helper()
	ctx := n.T.Context()
	n.run(n.documented("## Installing with fewer rights")[0])

	deployment := &appsv1.Deployment{}
	n.Expect(fleet.Management.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "xcc-controller-manager"}, deployment)).To(Succeed())
	pod := deployment.Spec.Template.Spec
	flags, options := pflag.NewFlagSet("manager", pflag.ContinueOnError), fleet.Options()
	options.AddFlags(flags)
	for _, argument := range pod.Containers[0].Args {
		// As kubelet does.
		n.Expect(flags.Parse([]string{strings.ReplaceAll(argument, "$(POD_NAMESPACE)", n.Namespace)})).To(Succeed())
	}
	options.DrainTime = time.Second
	n.Expect(options.WatchNamespace).To(Equal(n.Namespace))
	n.Expect(options.LeaderElection).To(BeTrue())
	n.Expect(options.Manager.DiagnosticsAddress).To(HavePrefix("localhost:"), "nobody is asked who may read it")

	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: pod.ServiceAccountName}}
	token := &authenticationv1.TokenRequest{}
	n.Expect(fleet.Management.SubResource("token").Create(ctx, account, token)).To(Succeed())
	access := rest.AnonymousClientConfig(fleet.Management.Config)
	access.BearerToken = token.Status.Token
	return options, access
}

func TestTheFurtherCommandsForOneNamespaceAreAccepted(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	blocks := n.documented("## Installing with fewer rights")[1:]
	n.Expect(blocks).To(HaveLen(2))
	for _, block := range blocks {
		// Each line is a command. What they create has no namespace, so it would be in the way of other tests.
		n.run(regexp.MustCompile("(?m)$").ReplaceAllString(strings.TrimSpace(block), " --dry-run=server"))
	}
}

// documented returns the blocks of commands in a section of docs/security.md.
func (n *tenant) documented(heading string) []string {
	n.T.Helper()
	root, err := components.CheckoutDir()
	n.Expect(err).NotTo(HaveOccurred())
	page, err := os.ReadFile(filepath.Join(root, "docs", "security.md"))
	n.Expect(err).NotTo(HaveOccurred())
	_, section, found := strings.Cut(string(page), "\n"+heading+"\n")
	n.Expect(found).To(BeTrue())
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for _, block := range strings.Split(section, "```sh\n")[1:] {
		commands, _, _ := strings.Cut(block, "```")
		blocks = append(blocks, commands)
	}
	return blocks
}

// run runs commands for the tenant's namespace in place of dev-team, in a folder with a release's files.
func (n *tenant) run(commands string) {
	n.T.Helper()
	root, err := components.CheckoutDir()
	n.Expect(err).NotTo(HaveOccurred())
	folder := n.T.TempDir()
	kubeconfig := filepath.Join(folder, "kubeconfig")
	n.Expect(os.WriteFile(kubeconfig, fleet.Management.Kubeconfig, 0o600)).To(Succeed())
	n.Expect(os.Symlink(filepath.Join(root, "config"), filepath.Join(folder, "config"))).To(Succeed())
	manifests, err := kustomize.Build(n.T.Context(), "config/namespaced")
	n.Expect(err).NotTo(HaveOccurred())
	n.Expect(release.WriteNamespaced(folder, "v0.1.0", manifests)).To(Succeed())
	n.Expect(os.Rename(filepath.Join(folder, "v0.1.0", "namespaced-components.yaml"), filepath.Join(folder, "namespaced-components.yaml"))).To(Succeed())

	var search []string
	for _, program := range []string{"kubectl", "clusterctl"} {
		path, err := components.Path(n.T.Context(), program)
		n.Expect(err).NotTo(HaveOccurred())
		search = append(search, filepath.Dir(path))
	}
	search = append(search, os.Getenv("PATH"))
	shell := exec.CommandContext(n.T.Context(), "bash", "-euxo", "pipefail", "-c", strings.ReplaceAll(commands, "dev-team", n.Namespace))
	shell.Dir = folder
	shell.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "CLUSTERCTL_DISABLE_VERSIONCHECK=true",
		"KUBECONFIG="+kubeconfig, "PATH="+strings.Join(search, string(os.PathListSeparator)))
	out, err := shell.CombinedOutput()
	n.Expect(err).NotTo(HaveOccurred(), string(out))
}

// expectPublished lets the tenant's manager publish a gateway, and returns its Cluster.
func (n *tenant) expectPublished(address string) *clusterv1.Cluster {
	n.T.Helper()
	ctx := n.T.Context()
	fleet.EnsureConsumer(n.T, fleet.WorkloadB)
	service := fleet.AddService(n.T, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, address)
	gateway := n.AddCluster("gateway", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
	n.AddCluster("consumer", fleet.WorkloadB.Kubeconfig, nil)
	gatewayDNS := n.AddGatewayDNS("gw", fleet.ServiceRef(service))

	n.Eventually(n.Condition(gatewayDNS, xccv1.ReadyCondition)).Should(HaveField("Status", BeEquivalentTo("True")))
	n.Eventually(fleet.Published(ctx, fleet.WorkloadB, n.Hostname("gateway"))).Should(ConsistOf(address))
	leases := &coordinationv1.LeaseList{}
	n.Expect(fleet.Management.List(ctx, leases, client.InNamespace(n.Namespace))).To(Succeed())
	n.Expect(leases.Items).To(HaveLen(1), "a leader is elected")
	return gateway
}

// expectWithdrawn deletes the Cluster of a gateway, whose records go once that is read from the API server.
func (n *tenant) expectWithdrawn(gateway *clusterv1.Cluster) {
	n.T.Helper()
	n.DeleteCluster(gateway)
	n.Eventually(fleet.Published(n.T.Context(), fleet.WorkloadB, n.Hostname("gateway"))).Should(BeEmpty())
}

// installation is a Cluster with the add-on, and its workload cluster.
type installation struct {
	object   *clusterv1.Cluster
	workload *fleet.Cluster
}

// expectInstalled lets the tenant's manager install the add-on, and pause that.
func (n *tenant) expectInstalled() installation {
	n.T.Helper()
	workload := n.NewLiveWorkload()
	object := n.AddInstalled("installed", workload)
	n.Eventually(n.DNSReady("installed")).Should(HaveField("Reason", Equal(xccv1.DNSServerUnavailableReason)))
	n.Eventually(n.EventReasons(object)).Should(ContainElement("DNSServerUnavailable"))

	n.SetPaused(object, true)
	set := &addonsv1.ClusterResourceSet{}
	n.Eventually(func(g Gomega) map[string]string {
		g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKey{Namespace: n.Namespace, Name: "installed-xcc-dns"}, set)).To(Succeed())
		return set.Annotations
	}).Should(HaveKey(clusterv1.PausedAnnotation))
	n.SetPaused(object, false)
	return installation{object, workload}
}

// expectRemoved lets the tenant's manager remove the add-on.
func (n *tenant) expectRemoved(installed installation) {
	n.T.Helper()
	n.SetLabel(installed.object, "")
	n.AwaitAsked(installed.workload)
	patcher := n.Node(installed.workload)
	patcher.Report(report.Removed, "", "")
	n.ExpectForgotten(installed.object)
}

// expectNamespacedRequests holds that no right was missing, and that nothing was asked for outside of the tenant's namespace.
func (n *tenant) expectNamespacedRequests() {
	n.T.Helper()
	all := n.requests()
	n.Expect(rights.Forbidden(all)).To(BeEmpty())
	for _, request := range all {
		if request.ObjectRef.Resource != "" {
			n.Expect(request.ObjectRef.Namespace).To(Equal(n.Namespace), request.RequestURI)
		}
	}
}

// expectRightsUsed holds that the Roles of the tenant's manager grant nothing that it did not need.
func (n *tenant) expectRightsUsed() {
	n.T.Helper()
	var objects []unstructured.Unstructured
	for _, kind := range []string{"Role", "RoleBinding"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(rbacv1.SchemeGroupVersion.WithKind(kind + "List"))
		n.Expect(fleet.Management.List(n.T.Context(), list, client.InNamespace(n.Namespace))).To(Succeed())
		objects = append(objects, list.Items...)
	}
	granted, err := rights.Of(objects)
	n.Expect(err).NotTo(HaveOccurred())
	n.Expect(granted).NotTo(BeEmpty())
	// A binding is patched where it has sets of others, and an Event that repeats.
	n.Expect(rights.Unused(granted, n.requests())).To(HaveEach(MatchRegexp(`(clusterresourcesetbindings|events)\S* in .*: "patch"$`)))
}

// requests are those that the ServiceAccounts of the tenant's namespace sent to the management cluster.
func (n *tenant) requests() []rights.Request {
	n.T.Helper()
	all, err := rights.Read(fleet.AuditLog(), n.Namespace)
	n.Expect(err).NotTo(HaveOccurred())
	n.Expect(all).NotTo(BeEmpty())
	return all
}

// expectNoAccessTo holds that the access of the tenant's manager ends at its own namespace.
func (n *tenant) expectNoAccessTo(other *tenant, access *rest.Config) {
	n.T.Helper()
	ctx := n.T.Context()
	scheme, err := manager.Scheme()
	n.Expect(err).NotTo(HaveOccurred())
	c, err := client.New(access, client.Options{Scheme: scheme})
	n.Expect(err).NotTo(HaveOccurred())
	n.Expect(c.Get(ctx, client.ObjectKey{Namespace: n.Namespace, Name: "consumer-kubeconfig"}, &corev1.Secret{})).To(Succeed())
	forbidden := MatchError(apierrors.IsForbidden, "Forbidden")
	n.Expect(c.Get(ctx, client.ObjectKey{Namespace: other.Namespace, Name: "consumer-kubeconfig"}, &corev1.Secret{})).To(forbidden)
	for _, list := range []client.ObjectList{&corev1.SecretList{}, &clusterv1.ClusterList{}, &xccv1.GatewayDNSList{}} {
		n.Expect(c.List(ctx, list, client.InNamespace(n.Namespace))).To(Succeed())
		n.Expect(c.List(ctx, list, client.InNamespace(other.Namespace))).To(forbidden)
		n.Expect(c.List(ctx, list)).To(forbidden)
	}
	n.Expect(c.List(ctx, &corev1.NamespaceList{})).To(forbidden)
	event := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: other.Namespace, GenerateName: "event-"}}
	n.Expect(c.Create(ctx, event)).To(forbidden)
}
