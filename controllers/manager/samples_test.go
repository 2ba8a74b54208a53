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
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// TestSamples applies every sample, as strictly as kubectl does.
func TestSamples(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	fleet.EnsureConsumer(t, fleet.WorkloadB)
	paths, err := filepath.Glob(filepath.Join("..", "..", "config", "samples", "*.yaml"))
	n.Expect(err).NotTo(HaveOccurred())
	kinds := map[string]int{}
	types := map[xccv1.ResolutionType]bool{}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			g := NewWithT(t)
			g.SetDefaultEventuallyTimeout(fleet.Soon)
			text, err := os.ReadFile(path)
			g.Expect(err).NotTo(HaveOccurred())
			object := &unstructured.Unstructured{}
			g.Expect(yaml.UnmarshalStrict(text, &object.Object)).To(Succeed())
			target := fleet.Management
			switch object.GetKind() {
			case "EndpointSlice":
				target = fleet.WorkloadB
				g.Expect(object.GetNamespace()).To(Equal(xccv1.WorkloadNamespace))
			default:
				g.Expect(object.GetNamespace()).To(Equal("dev-team"))
				object.SetNamespace(n.Namespace)
			}
			kinds[object.GetKind()]++
			g.Expect(client.WithFieldValidation(target, metav1.FieldValidationStrict).Create(ctx, object)).To(Succeed())
			t.Cleanup(func() { _ = target.Delete(context.Background(), object) })
			if object.GetKind() != "GatewayDNS" {
				return
			}
			gatewayDNS := &xccv1.GatewayDNS{}
			g.Eventually(func(g Gomega) {
				g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), gatewayDNS)).To(Succeed())
				g.Expect(gatewayDNS.Status.ObservedGeneration).To(Equal(gatewayDNS.Generation))
			}).Should(Succeed())
			if gatewayDNS.Spec.Gateway != "" {
				types["gateway"] = true
			} else {
				types[gatewayDNS.Spec.ResolutionType] = true
			}
		})
	}
	n.Expect(kinds).To(HaveKey("EndpointSlice"))
	n.Expect(kinds).To(HaveKey("Cluster"))
	for _, resolutionType := range []xccv1.ResolutionType{
		xccv1.ResolutionTypeLoadBalancer, xccv1.ResolutionTypeNodePort, xccv1.ResolutionTypeHostPort, xccv1.ResolutionTypeExternalIPs, "gateway",
	} {
		n.Expect(types).To(HaveKey(resolutionType), "there is a sample for each kind of gateway")
	}
}
