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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestAWrongGatewayDNSIsRefusedWithASentence(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	for name, test := range map[string]struct {
		change func(*xccv1.GatewayDNSSpec)
		says   string
	}{
		"a service without a namespace": {func(s *xccv1.GatewayDNSSpec) { s.Service = "envoy" },
			"spec.service must be the namespace and the name of a Service as namespace/name, for example projectcontour/envoy"},
		"a service with three parts": {func(s *xccv1.GatewayDNSSpec) { s.Service = "a/b/c" }, "spec.service must be"},
		"neither a service nor a gateway": {func(s *xccv1.GatewayDNSSpec) { s.Service = "" },
			"spec must have exactly one of service, for a Service, and gateway, for a Gateway of the Gateway API"},
		"a service and a gateway": {func(s *xccv1.GatewayDNSSpec) { s.Gateway = "infra/public" }, "spec must have exactly one of service"},
		"a gateway without a namespace": {func(s *xccv1.GatewayDNSSpec) { s.Service, s.Gateway = "", "public" },
			"spec.gateway must be the namespace and the name of a Gateway as namespace/name, for example infra/public"},
		"a gateway in a namespace with a dot": {func(s *xccv1.GatewayDNSSpec) { s.Service, s.Gateway = "", "in.fra/public" }, "spec.gateway must be"},
		"a resolution type with a gateway": {func(s *xccv1.GatewayDNSSpec) {
			s.Service, s.Gateway, s.ResolutionType = "", "infra/public", xccv1.ResolutionTypeNodePort
		}, "spec.resolutionType must be left out with spec.gateway: the addresses of a Gateway are those in its status"},
		"a subdomain of two DNS labels": {func(s *xccv1.GatewayDNSSpec) { s.Subdomain = "a.b" },
			"spec.subdomain must be one DNS label: at most 63 lower-case letters, digits and hyphens, with no hyphen at either end"},
		"a subdomain in capitals":                 {func(s *xccv1.GatewayDNSSpec) { s.Subdomain = "Gateway" }, "spec.subdomain must be one DNS label"},
		"a subdomain that is a wildcard":          {func(s *xccv1.GatewayDNSSpec) { s.Subdomain = "*" }, "spec.subdomain must be one DNS label"},
		"a subdomain with an underscore":          {func(s *xccv1.GatewayDNSSpec) { s.Subdomain = "_probe" }, "spec.subdomain must be one DNS label"},
		"a subdomain that ends in a hyphen":       {func(s *xccv1.GatewayDNSSpec) { s.Subdomain = "a-" }, "spec.subdomain must be one DNS label"},
		"a subdomain that is longer than allowed": {func(s *xccv1.GatewayDNSSpec) { s.Subdomain = strings.Repeat("a", 64) }, "spec.subdomain: Too long"},
		"a service in capitals":                   {func(s *xccv1.GatewayDNSSpec) { s.Service = "Contour/Envoy" }, "spec.service must be"},
		"a namespace that is too long": {func(s *xccv1.GatewayDNSSpec) { s.Service = strings.Repeat("a", 64) + "/envoy" },
			"spec.service must be"},
		"an unknown resolution type": {func(s *xccv1.GatewayDNSSpec) { s.ResolutionType = "carrierPigeon" },
			`spec.resolutionType: Unsupported value: "carrierPigeon": supported values: "loadBalancer", "nodePort", "hostPort", "externalIPs"`},
		"an unknown operator": {func(s *xccv1.GatewayDNSSpec) {
			s.ClusterSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "team", Operator: "Near"}}
		}, "spec.clusterSelector.matchExpressions: operator must be In, NotIn, Exists or DoesNotExist"},
		"a label that is not one": {func(s *xccv1.GatewayDNSSpec) { s.ClusterSelector.MatchLabels = map[string]string{"no key": "a"} },
			"spec.clusterSelector.matchLabels: each key must be the key of a label, for example team or example.com/team"},
		"a label with two prefixes": {func(s *xccv1.GatewayDNSSpec) { s.ClusterSelector.MatchLabels = map[string]string{"a/b/c": "a"} }, "each key must be"},
		"a label without a key":     {func(s *xccv1.GatewayDNSSpec) { s.ClusterSelector.MatchLabels = map[string]string{"": "a"} }, "each key must be"},
		"a value that is too long": {func(s *xccv1.GatewayDNSSpec) {
			s.ClusterSelector.MatchLabels = map[string]string{"team": strings.Repeat("a", 64)}
		},
			"spec.clusterSelector.matchLabels: a value has at most 63 characters"},
		"an expression without a key": {func(s *xccv1.GatewayDNSSpec) {
			s.ClusterSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Operator: metav1.LabelSelectorOpExists}}
		}, "spec.clusterSelector.matchExpressions: key must be the key of a label, with 1 to 317 characters"},
		"an expression whose key is too long": {func(s *xccv1.GatewayDNSSpec) {
			s.ClusterSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: strings.Repeat("a", 318), Operator: metav1.LabelSelectorOpExists}}
		}, "key must be the key of a label"},
		"In without values": {func(s *xccv1.GatewayDNSSpec) {
			s.ClusterSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "team", Operator: metav1.LabelSelectorOpIn}}
		}, "values must be given with the operators In and NotIn, and with no other"},
		"Exists with values": {func(s *xccv1.GatewayDNSSpec) {
			s.ClusterSelector.MatchExpressions = []metav1.LabelSelectorRequirement{{
				Key: "team", Operator: metav1.LabelSelectorOpExists, Values: []string{"a"},
			}}
		}, "values must be given with the operators In and NotIn, and with no other"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{
				ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, GenerateName: "gw-"},
				Spec:       xccv1.GatewayDNSSpec{Service: "projectcontour/envoy"},
			}
			test.change(&gatewayDNS.Spec)
			g.Expect(fleet.Management.Create(t.Context(), gatewayDNS)).To(MatchError(ContainSubstring(test.says)))
		})
	}
}

func TestAGatewayDNSOfTheOldProjectIsAcceptedAsItIs(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	gatewayDNS := &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Namespace, Name: "dev-team-gateway-dns"},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{
				MatchLabels: map[string]string{"hasContour": "true", "example.com/a_B.c": ""},
				MatchExpressions: []metav1.LabelSelectorRequirement{
					{Key: "team", Operator: metav1.LabelSelectorOpIn, Values: []string{"a", "b"}},
					{Key: "retired", Operator: metav1.LabelSelectorOpDoesNotExist},
				},
			},
			Service: "projectcontour/envoy",
		},
	}
	n.Expect(fleet.Management.Create(t.Context(), gatewayDNS)).To(Succeed())
	n.Expect(gatewayDNS.Spec.ResolutionType).To(Equal(xccv1.ResolutionTypeLoadBalancer))
	n.Expect(gatewayDNS.Spec.Subdomain).To(Equal("gateway"))
}
