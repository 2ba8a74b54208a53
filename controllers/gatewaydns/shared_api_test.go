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
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

// create creates a GatewayDNS with more fields in its spec, as YAML. It does not use the Go types, which cannot hold all values.
func (n *tenant) create(g Gomega, spec string) (*xccv1.GatewayDNS, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(xccv1.GroupVersion.WithKind("GatewayDNS"))
	object.SetNamespace(n.Namespace)
	object.SetGenerateName("gw-")
	fields := map[string]any{}
	g.Expect(yaml.Unmarshal([]byte(spec), &fields)).To(Succeed())
	fields["service"], fields["clusterSelector"] = "projectcontour/envoy", map[string]any{"matchLabels": map[string]any{"nobody": "selected"}}
	object.Object["spec"] = fields
	if err := fleet.Management.Create(n.T.Context(), object, client.FieldValidation("Strict")); err != nil {
		return nil, err
	}
	created := &xccv1.GatewayDNS{}
	g.Expect(fleet.Management.Get(n.T.Context(), client.ObjectKeyFromObject(object), created)).To(Succeed())
	return created, nil
}

// membersFor returns a spec with as many members.
func membersFor(count int) string {
	return "shared: {name: shop, members: [" + strings.Repeat("{clusterSelector: {matchLabels: {site: east}}},", count) + "]}"
}

func TestSharedNamesAndHealthChecksAreValidated(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	for name, test := range map[string]struct{ spec, says string }{
		"a name":                                     {spec: "shared: {name: shop}"},
		"the longest name":                           {spec: "shared: {name: " + strings.Repeat("a", 63) + "}"},
		"a name that is too long":                    {"shared: {name: " + strings.Repeat("a", 64) + "}", "spec.shared.name: Too long"},
		"no name":                                    {"shared: {}", "spec.shared.name: Required value"},
		"an empty name":                              {`shared: {name: ""}`, "spec.shared.name"},
		"a name of two DNS labels":                   {"shared: {name: a.b}", "spec.shared.name must be one DNS label: at most 63 lower-case letters"},
		"a name in capitals":                         {"shared: {name: Shop}", "spec.shared.name must be one DNS label"},
		"a wildcard":                                 {`shared: {name: "*"}`, "spec.shared.name must be one DNS label"},
		"a name with an underscore":                  {"shared: {name: _shop}", "spec.shared.name must be one DNS label"},
		"a name that ends in a hyphen":               {"shared: {name: shop-}", "spec.shared.name must be one DNS label"},
		"a name with a line break":                   {`shared: {name: "shop\n"}`, "spec.shared.name must be one DNS label"},
		"16 members":                                 {spec: membersFor(16)},
		"17 members":                                 {membersFor(17), "spec.shared.members: Too many: 17: must have at most 16 items"},
		"no members":                                 {membersFor(0), "spec.shared.members"},
		"a member without a selector":                {"shared: {name: shop, members: [{priority: 1}]}", "spec.shared.members[0].clusterSelector: Required value"},
		"a member for all":                           {spec: "shared: {name: shop, members: [{clusterSelector: {}, priority: 65535, weight: 65535}]}"},
		"weight 0":                                   {spec: "shared: {name: shop, members: [{clusterSelector: {}, priority: 0, weight: 0}]}"},
		"a weight that is too large":                 {"shared: {name: shop, members: [{clusterSelector: {}, weight: 65536}]}", "spec.shared.members[0].weight"},
		"a negative weight":                          {"shared: {name: shop, members: [{clusterSelector: {}, weight: -1}]}", "spec.shared.members[0].weight"},
		"a priority that is too large":               {"shared: {name: shop, members: [{clusterSelector: {}, priority: 65536}]}", "spec.shared.members[0].priority"},
		"a negative priority":                        {"shared: {name: shop, members: [{clusterSelector: {}, priority: -1}]}", "spec.shared.members[0].priority"},
		"a fraction":                                 {"shared: {name: shop, members: [{clusterSelector: {}, weight: 0.5}]}", "spec.shared.members[0].weight"},
		"an expression":                              {spec: "shared: {name: shop, members: [{clusterSelector: {matchExpressions: [{key: site, operator: In, values: [a, b]}]}}]}"},
		"4 labels of locality":                       {spec: "shared: {name: shop, locality: {labels: [a, b, example.com/c, d]}}"},
		"5 labels of locality":                       {"shared: {name: shop, locality: {labels: [a, b, c, d, e]}}", "spec.shared.locality.labels: Too many: 5: must have at most 4 items"},
		"no labels of locality":                      {"shared: {name: shop, locality: {labels: []}}", "spec.shared.locality.labels"},
		"locality without labels":                    {"shared: {name: shop, locality: {}}", "spec.shared.locality.labels: Required value"},
		"an empty label of locality":                 {`shared: {name: shop, locality: {labels: [""]}}`, "spec.shared.locality.labels[0]"},
		"a long label of locality":                   {"shared: {name: shop, locality: {labels: [" + strings.Repeat("a", 318) + "]}}", "spec.shared.locality.labels[0]: Too long"},
		"an empty health check":                      {spec: "healthCheck: {}"},
		"a health check with all fields":             {spec: "healthCheck: {protocol: HTTPS, port: 8443, path: '/healthz?full=1', host: shop.example.com, interval: 5m, timeout: 30s, failureThreshold: 10, successThreshold: 10, mode: Report}"},
		"an unknown protocol":                        {"healthCheck: {protocol: UDP}", "spec.healthCheck.protocol: Unsupported value"},
		"an unknown mode":                            {"healthCheck: {mode: Ignore}", "spec.healthCheck.mode: Unsupported value"},
		"port 0":                                     {"healthCheck: {port: 0}", "spec.healthCheck.port"},
		"a port that is too large":                   {"healthCheck: {port: 65536}", "spec.healthCheck.port"},
		"the shortest interval":                      {spec: "healthCheck: {interval: 1s}"},
		"the longest interval":                       {spec: "healthCheck: {interval: 300s}"},
		"an interval that is too short":              {"healthCheck: {interval: 999ms}", "spec.healthCheck.interval must be 1s to 5m"},
		"an interval that is too long":               {"healthCheck: {interval: 5m1s}", "spec.healthCheck.interval must be 1s to 5m"},
		"a negative interval":                        {"healthCheck: {interval: -10s}", "spec.healthCheck.interval must be 1s to 5m"},
		"an interval that is no duration":            {"healthCheck: {interval: 10x}", "spec.healthCheck.interval"},
		"an interval without a unit":                 {`healthCheck: {interval: "10"}`, "spec.healthCheck.interval"},
		"an empty interval":                          {`healthCheck: {interval: ""}`, "spec.healthCheck.interval"},
		"an interval that is a number":               {"healthCheck: {interval: 10}", "spec.healthCheck.interval"},
		"the shortest timeout":                       {spec: "healthCheck: {timeout: 100ms}"},
		"a timeout that is too short":                {"healthCheck: {timeout: 99ms}", "spec.healthCheck.timeout must be 100ms to 30s"},
		"a timeout that is too long":                 {"healthCheck: {interval: 1m, timeout: 31s}", "spec.healthCheck.timeout must be 100ms to 30s"},
		"a timeout that is no duration":              {"healthCheck: {timeout: 10x}", "spec.healthCheck.timeout"},
		"a timeout as long as the interval":          {spec: "healthCheck: {interval: 3s, timeout: 3s}"},
		"a timeout longer than the interval":         {"healthCheck: {interval: 3s, timeout: 4s}", "spec.healthCheck.timeout must be at most spec.healthCheck.interval"},
		"a timeout longer than the default interval": {"healthCheck: {timeout: 11s}", "spec.healthCheck.timeout must be at most spec.healthCheck.interval"},
		"failureThreshold 0":                         {"healthCheck: {failureThreshold: 0}", "spec.healthCheck.failureThreshold"},
		"failureThreshold 11":                        {"healthCheck: {failureThreshold: 11}", "spec.healthCheck.failureThreshold"},
		"successThreshold 0":                         {"healthCheck: {successThreshold: 0}", "spec.healthCheck.successThreshold"},
		"successThreshold 11":                        {"healthCheck: {successThreshold: 11}", "spec.healthCheck.successThreshold"},
		"a path with TCP":                            {"healthCheck: {path: /}", "spec.healthCheck.path must be left out with protocol TCP"},
		"a host with TCP":                            {"healthCheck: {host: shop.example.com}", "spec.healthCheck.host must be left out with protocol TCP"},
		"a path without a slash":                     {"healthCheck: {protocol: HTTP, path: healthz}", "spec.healthCheck.path must begin with / and have no spaces"},
		"a path with a space":                        {`healthCheck: {protocol: HTTP, path: "/a b"}`, "spec.healthCheck.path must begin with / and have no spaces"},
		"a path with a line break":                   {`healthCheck: {protocol: HTTP, path: "/a\r\nX: y"}`, "spec.healthCheck.path must begin with / and have no spaces"},
		"a path that ends in a line break":           {`healthCheck: {protocol: HTTP, path: "/a\n"}`, "spec.healthCheck.path must begin with / and have no spaces"},
		"a path with a control character":            {`healthCheck: {protocol: HTTP, path: "/\x07"}`, "spec.healthCheck.path must begin with / and have no spaces"},
		"a path in Cyrillic":                         {"healthCheck: {protocol: HTTP, path: /магазин}", "spec.healthCheck.path must begin with / and have no spaces"},
		"an empty path":                              {`healthCheck: {protocol: HTTP, path: ""}`, "spec.healthCheck.path"},
		"a path that is too long":                    {"healthCheck: {protocol: HTTP, path: /" + strings.Repeat("a", 512) + "}", "spec.healthCheck.path: Too long"},
		"a host in capitals":                         {"healthCheck: {protocol: HTTPS, host: Shop.example.com}", "spec.healthCheck.host must be a DNS name in lower case, for example shop.example.com"},
		"a host with a port":                         {`healthCheck: {protocol: HTTPS, host: "shop.example.com:443"}`, "spec.healthCheck.host must be a DNS name"},
		"a host that is a wildcard":                  {`healthCheck: {protocol: HTTPS, host: "*.example.com"}`, "spec.healthCheck.host must be a DNS name"},
		"a host with a line break":                   {`healthCheck: {protocol: HTTP, host: "shop\r\nX"}`, "spec.healthCheck.host must be a DNS name"},
		"a host that is too long":                    {"healthCheck: {protocol: HTTP, host: " + strings.Repeat("a.", 127) + "}", "spec.healthCheck.host: Too long"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := n.create(g, test.spec)
			if test.says == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(ContainSubstring(test.says)))
			}
		})
	}
}

func TestDefaultsOfSharedNamesAndHealthChecks(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	g := NewWithT(t)
	created, err := n.create(g, "shared: {name: shop, members: [{clusterSelector: {}}]}\nhealthCheck: {}")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(created.Spec.Shared.Members).To(ConsistOf(HaveField("Weight", HaveValue(Equal(int32(1))))))
	check := *created.Spec.HealthCheck
	g.Expect(check).To(Equal(xccv1.HealthCheck{
		Protocol: xccv1.HealthCheckTCP, Interval: &metav1.Duration{Duration: 10 * time.Second}, FailureThreshold: 3, SuccessThreshold: 2, Mode: xccv1.HealthCheckEnforce,
	}))
	g.Expect(check.WithDefaults()).To(Equal(xccv1.HealthCheck{}.WithDefaults()), "the schema and the code have the same defaults")

	t.Log("An object without them gets none")
	created, err = n.create(g, "{}")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(created.Spec.Shared).To(BeNil())
	g.Expect(created.Spec.HealthCheck).To(BeNil())
}

// The API server bounds the cost of the rules by the sizes in the schema. The largest members that are allowed stay valid.
func TestLargeMembersAreAccepted(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	g := NewWithT(t)
	var members, expressions []string
	for i := range 8 {
		expressions = append(expressions, fmt.Sprintf("{key: key-%d, operator: In, values: [%s]}", i, strings.TrimSuffix(strings.Repeat("value,", 20), ",")))
	}
	for i := range 16 {
		members = append(members, fmt.Sprintf("{clusterSelector: {matchLabels: {a: b, c: d}, matchExpressions: [%s]}, priority: %d}", strings.Join(expressions, ","), i))
	}
	_, err := n.create(g, "shared: {name: shop, members: ["+strings.Join(members, ",")+"]}")
	g.Expect(err).NotTo(HaveOccurred())
}
