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

package gatewaydns_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// field holds what people met elsewhere, and the log of it.
const field = "../../test/testdata/field"

// fieldCluster is a Cluster from the field with its Secrets.
type fieldCluster struct {
	// Source is the report, as the log calls it, and About says in one sentence what is special about the input.
	Source string `json:"source"`
	About  string `json:"about"`
	// Objects are what the namespace of the Cluster has. The kubeconfig of a cluster that answers stands for the word WORKS.
	Objects []runtime.RawExtension `json:"objects"`
	// Want is the state of the Cluster's gateway and a part of its message, which is empty if that is.
	Want struct {
		State   xccv1.GatewayState `json:"state"`
		Message string             `json:"message"`
	} `json:"want"`
}

func TestClustersFromTheField(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	log, err := os.ReadFile(filepath.Join(field, "README.md"))
	g.Expect(err).NotTo(HaveOccurred())
	files, err := filepath.Glob(filepath.Join(field, "cluster-api", "clusters", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).NotTo(BeEmpty())
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.37")
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			n := newTenant(t)
			data, err := os.ReadFile(file)
			n.Expect(err).NotTo(HaveOccurred())
			var test fieldCluster
			n.Expect(yaml.UnmarshalStrict(data, &test)).To(Succeed())
			n.Expect(test.About).NotTo(BeEmpty())

			cluster := n.addFromTheField(test.Objects)
			n.AddGatewayDNS("gw", fleet.ServiceRef(service))
			n.Eventually(n.Gateways("gw")).WithTimeout(fleet.Reconnected).Should(HaveKeyWithValue(cluster.Name, And(
				HaveField("State", test.Want.State), HaveField("Message", ContainSubstring(test.Want.Message)),
			)))
			gateway := n.Gateways("gw")(n)[cluster.Name]
			if test.Want.State == xccv1.GatewayResolved {
				n.Expect(gateway.Addresses).To(ConsistOf("192.0.2.37"))
				n.Expect(gateway.Hostname).To(Equal(n.Hostname(cluster.Name)))
			}
			if test.Want.Message == "" {
				n.Expect(gateway.Message).To(BeEmpty())
			}
			n.Expect(string(log)).To(ContainSubstring("| `"+test.Source+"` |"), "the log does not tell of this input")
		})
	}
}

// addFromTheField creates objects in the tenant's namespace and returns the Cluster among them, which is labelled for its gateway.
func (n *tenant) addFromTheField(manifests []runtime.RawExtension) *clusterv1.Cluster {
	n.T.Helper()
	ctx := n.T.Context()
	var cluster *clusterv1.Cluster
	for _, manifest := range manifests {
		var kind metav1.TypeMeta
		n.Expect(yaml.Unmarshal(manifest.Raw, &kind)).To(Succeed())
		switch kind.Kind {
		case "Secret":
			secret := &corev1.Secret{}
			n.Expect(yaml.UnmarshalStrict(manifest.Raw, secret)).To(Succeed())
			for key, value := range secret.StringData {
				secret.StringData[key] = strings.ReplaceAll(value, "WORKS", string(fleet.WorkloadA.Kubeconfig))
			}
			secret.Namespace = n.Namespace
			n.Expect(fleet.Management.Create(ctx, secret)).To(Succeed())
		case "Cluster":
			cluster = &clusterv1.Cluster{}
			n.Expect(yaml.UnmarshalStrict(manifest.Raw, cluster)).To(Succeed())
			cluster.Namespace = n.Namespace
			metav1.SetMetaDataLabel(&cluster.ObjectMeta, "gateway", "true")
			status := cluster.Status
			n.Expect(fleet.Management.Create(ctx, cluster)).To(Succeed())
			original := cluster.DeepCopy()
			cluster.Status = status
			n.Expect(fleet.Management.Status().Patch(ctx, cluster, client.MergeFrom(original))).To(Succeed())
		default:
			n.T.Fatalf("kind %q is not created", kind.Kind)
		}
	}
	n.Expect(cluster).NotTo(BeNil(), "the input has no Cluster")
	return cluster
}

// TestAClusterWhoseNameFitsNoLabelIsLeftAlone tries what Rancher's dashboard lets users create (rancher/dashboard#5214).
func TestAClusterWhoseNameFitsNoLabelIsLeftAlone(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	name := strings.Repeat("a", 64)
	cluster := n.AddCluster(name, nil, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	original := cluster.DeepCopy()
	cluster.Status.Initialization.ControlPlaneInitialized = new(true)
	n.Expect(fleet.Management.Status().Patch(t.Context(), cluster, client.MergeFrom(original))).To(Succeed())
	n.Eventually(n.DNSReady(name)).Should(And(
		HaveField("Reason", xccv1.ClusterUnreachableReason), HaveField("Message", ContainSubstring("its name has 64 characters, and no more than 63 fit")),
	))
	path := n.Namespace + "/clusters/" + name
	n.Expect(n.Requests.Matching(path, http.MethodPatch)).To(HaveEach(HaveSuffix("/status")), "the Cluster itself is written though the API server must refuse it")
	n.Expect(n.Requests.Matching(path, http.MethodPatch)).NotTo(BeEmpty(), "the requests are not recorded")
}

// TestTheMessageFollowsWhatKeepsAClusterFromBeingConnected tries a hosted control plane that comes up step by step (k0rdent/kcm#2884).
func TestTheMessageFollowsWhatKeepsAClusterFromBeingConnected(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.38")
	cluster := n.AddCluster("hosted", nil, fleet.HasGateway())
	provision := func(provisioned bool) {
		original := cluster.DeepCopy()
		cluster.Status.Initialization.InfrastructureProvisioned = new(provisioned)
		n.Expect(fleet.Management.Status().Patch(t.Context(), cluster, client.MergeFrom(original))).To(Succeed())
	}
	says := func(message string) {
		n.Eventually(n.Gateways("gw")).Should(HaveKeyWithValue("hosted", And(
			HaveField("State", xccv1.GatewayUnknown), HaveField("Message", ContainSubstring(message)),
		)))
	}
	provision(false)
	n.AddGatewayDNS("gw", fleet.ServiceRef(service))
	says("waits for its infrastructure")
	provision(true)
	says("there is no kubeconfig Secret hosted-kubeconfig")
	n.Expect(fleet.Management.Create(t.Context(), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: n.Namespace, Name: "hosted-kubeconfig", Labels: map[string]string{clusterv1.ClusterNameLabel: "hosted"},
		},
		Type: clusterv1.ClusterSecretType,
		Data: map[string][]byte{"value": fleet.KubeconfigFor("https://127.0.0.1:1")},
	})).To(Succeed())
	says("check its kubeconfig Secret hosted-kubeconfig and that its API server answers")
}
