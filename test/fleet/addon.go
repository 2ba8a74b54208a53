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

package fleet

import (
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// AddInstalled creates a labelled Cluster, and returns when its workload cluster has what the payload holds.
func (n *Tenant) AddInstalled(name string, workload *Cluster) *clusterv1.Cluster {
	n.T.Helper()
	object := n.AddCluster(name, workload.Kubeconfig, map[string]string{xccv1.DNSLabel: xccv1.DNSEnabled})
	n.AwaitInstalled(name, workload)
	return object
}

// AwaitInstalled returns when a workload cluster has what the payload of its Cluster holds.
func (n *Tenant) AwaitInstalled(name string, workload *Cluster) {
	n.T.Helper()
	n.Eventually(func(g Gomega) {
		hash := n.State(name).Payload
		g.Expect(hash).NotTo(BeEmpty())
		for _, object := range n.Objects(name) {
			g.Expect(workload.Get(n.T.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
			g.Expect(object.GetAnnotations()).To(HaveKeyWithValue(xccv1.PayloadAnnotation, hash))
		}
	}).Should(Succeed(), "the payload arrives")
}

// Payload returns the payload Secret of a Cluster.
func (n *Tenant) Payload(name string) *corev1.Secret {
	n.T.Helper()
	secret := &corev1.Secret{}
	n.Eventually(func() error {
		return Management.Get(n.T.Context(), client.ObjectKey{Namespace: n.Namespace, Name: name + "-xcc-dns"}, secret)
	}).Should(Succeed())
	return secret
}

// State returns the record of a Cluster's installation.
func (n *Tenant) State(name string) install.State {
	n.T.Helper()
	return install.Load(n.Payload(name))
}

// Objects returns what the payload of a Cluster holds.
func (n *Tenant) Objects(name string) []*unstructured.Unstructured {
	n.T.Helper()
	parsed, err := utilyaml.ToUnstructured(n.Payload(name).Data["xcc-dns.yaml"])
	n.Expect(err).NotTo(HaveOccurred())
	objects := make([]*unstructured.Unstructured, 0, len(parsed))
	for i := range parsed {
		objects = append(objects, &parsed[i])
	}
	return objects
}

// Image returns the image that the payload of a Cluster holds for the Deployments.
func (n *Tenant) Image(name string) string {
	n.T.Helper()
	for _, object := range n.Objects(name) {
		deployment := &appsv1.Deployment{}
		if object.GetKind() == "Deployment" {
			n.Expect(Management.Scheme().Convert(object, deployment, nil)).To(Succeed())
			return deployment.Spec.Template.Spec.Containers[0].Image
		}
	}
	return ""
}
