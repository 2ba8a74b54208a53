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

package resolve_test

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// parse returns an object of the Gateway API from YAML without its apiVersion.
func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	json, err := yaml.YAMLToJSON([]byte("apiVersion: gateway.networking.k8s.io/v1\n" + text))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(object.UnmarshalJSON(json)).To(Succeed())
	return object
}

// listenerSet returns an accepted ListenerSet. key is "namespace/name", and created the seconds of
// its creation time.
func listenerSet(t *testing.T, key, created, parent, listeners string) *unstructured.Unstructured {
	t.Helper()
	namespace, name, _ := strings.Cut(key, "/")
	return parse(t, fmt.Sprintf(`
kind: ListenerSet
metadata: {namespace: %q, name: %q, creationTimestamp: "2026-01-01T00:00:%sZ"}
spec: {parentRef: %s, listeners: %s}
status: {conditions: [{type: Programmed, status: "False"}, {type: Accepted, status: "True"}]}
`, namespace, name, created, parent, listeners))
}

func TestListenerSetsAddPorts(t *testing.T) {
	t.Parallel()
	const (
		own    = "dns/UDP:53 http/TCP:80 https/TCP:443"
		parent = "{name: eg, namespace: infra}"
		extra  = "[{name: extra, port: 8443, protocol: HTTPS}]"
	)
	change := func(set *unstructured.Unstructured, value any, path ...string) *unstructured.Unstructured {
		NewWithT(t).Expect(unstructured.SetNestedField(set.Object, value, path...)).To(Succeed())
		return set
	}
	with := func(parent string) *unstructured.Unstructured { return listenerSet(t, "team/set", "01", parent, extra) }
	var hundred []*unstructured.Unstructured
	for i := range 200 {
		hundred = append(hundred, listenerSet(t, fmt.Sprintf("team/set-%03d", i), "01", parent, fmt.Sprintf("[{name: p%03d, port: %d}]", i, 1000+i)))
	}
	for name, test := range map[string]struct {
		sets []*unstructured.Unstructured
		ports,
		message string
	}{
		"one":                         {[]*unstructured.Unstructured{with(parent)}, "dns/UDP:53 extra/TCP:8443 http/TCP:80 https/TCP:443", "="},
		"all fields of the reference": {[]*unstructured.Unstructured{with("{group: gateway.networking.k8s.io, kind: Gateway, name: eg, namespace: infra}")}, "dns/UDP:53 extra/TCP:8443 http/TCP:80 https/TCP:443", "="},
		"in the Gateway's namespace, only the name":  {[]*unstructured.Unstructured{listenerSet(t, "infra/set", "01", "{name: eg}", extra)}, "dns/UDP:53 extra/TCP:8443 http/TCP:80 https/TCP:443", "="},
		"a Gateway of another namespace":             {[]*unstructured.Unstructured{with("{name: eg}")}, own, "="},
		"another Gateway":                            {[]*unstructured.Unstructured{with("{name: other, namespace: infra}")}, own, "="},
		"of another kind":                            {[]*unstructured.Unstructured{with("{kind: Service, name: eg, namespace: infra}")}, own, "="},
		"of another group":                           {[]*unstructured.Unstructured{with("{group: example.com, name: eg, namespace: infra}")}, own, "="},
		"no reference":                               {[]*unstructured.Unstructured{with("[]")}, own, "="},
		"not accepted":                               {[]*unstructured.Unstructured{change(with(parent), []any{map[string]any{"type": "Accepted", "status": "False"}}, "status", "conditions")}, own, "="},
		"no status yet":                              {[]*unstructured.Unstructured{change(with(parent), nil, "status")}, own, "="},
		"being deleted":                              {[]*unstructured.Unstructured{change(with(parent), "2026-01-01T00:00:00Z", "metadata", "deletionTimestamp")}, own, "="},
		"a UDP listener":                             {[]*unstructured.Unstructured{listenerSet(t, "team/set", "01", parent, "[{name: https, port: 443, protocol: UDP}]")}, "dns/UDP:53 http/TCP:80 https/TCP:443 https/UDP:443", "="},
		"the name of one of the Gateway's listeners": {[]*unstructured.Unstructured{listenerSet(t, "team/set", "01", parent, "[{name: https, port: 9443}, {name: b, port: 2}]")}, "b/TCP:2 " + own, "=Left out: port 9443 of listener https of ListenerSet team/set, because another listener of this name has port 443"},
		"the name and port of one of the Gateway's listeners": {[]*unstructured.Unstructured{listenerSet(t, "team/set", "01", parent, "[{name: https, port: 443}]")}, own, "="},
		"the older ListenerSet precedes":                      {[]*unstructured.Unstructured{listenerSet(t, "a/a", "03", parent, "[{name: b, port: 3}]"), listenerSet(t, "z/z", "02", parent, "[{name: b, port: 2}]")}, "b/TCP:2 " + own, "=Left out: port 3 of listener b of ListenerSet a/a, because another listener of this name has port 2"},
		"the name breaks a tie of the age":                    {[]*unstructured.Unstructured{listenerSet(t, "z/a", "02", parent, "[{name: b, port: 3}]"), listenerSet(t, "a/z", "02", parent, "[{name: b, port: 2}]")}, "b/TCP:2 " + own, "port 3 of listener b of ListenerSet z/a"},
		"a conflicted listener": {[]*unstructured.Unstructured{change(with(parent), []any{map[string]any{"name": "extra", "conditions": []any{
			map[string]any{"type": "Conflicted", "status": "True", "reason": "HostnameConflict"},
		}}}, "status", "listeners")}, own, "=Left out: port 8443 of listener extra of ListenerSet team/set, which is conflicted (HostnameConflict)"},
		"listeners of the wrong type": {[]*unstructured.Unstructured{listenerSet(t, "team/set", "01", parent, "[7, {port: x}, {name: b, port: 0}, {name: c, port: 70000}]"), listenerSet(t, "team/b", "01", parent, "5")}, own, "Left out: the port of listener"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := parse(t, "kind: Gateway\n"+listeners+"status: {addresses: [{value: 192.0.2.1}]}")
			target := resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"})
			objects := resolve.Objects{GatewayAPI: true, Gateway: gateway, ListenerSets: test.sets}
			check(t, resolve.Gateway(target, objects, network), expected{"Resolved", "192.0.2.1", test.ports, test.message})
		})
	}

	t.Run("very many", func(t *testing.T) {
		t.Parallel()
		gateway := parse(t, "kind: Gateway\nspec: {listeners: [{name: z, port: 80}]}\nstatus: {addresses: [{value: 192.0.2.1}]}")
		target := resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"})
		result := resolve.Gateway(target, resolve.Objects{GatewayAPI: true, Gateway: gateway, ListenerSets: hundred}, network)
		NewWithT(t).Expect(result.Ports).To(HaveLen(100))
		NewWithT(t).Expect(portsOf(result)).To(HaveSuffix("z/TCP:80"), "the Gateway's own listeners are first")
		NewWithT(t).Expect(result.Message).To(Equal("Left out: ListenerSets beyond 100 ports"))
	})
}

func TestListenerSetsOf(t *testing.T) {
	t.Parallel()
	target := resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"})
	for spec, want := range map[string]string{
		"{}": "none", "{allowedListeners: {}}": "none", "{allowedListeners: {namespaces: {from: None}}}": "none", "{allowedListeners: {namespaces: {from: Future}}}": "none",
		"{allowedListeners: 5}": "none", "{allowedListeners: {namespaces: {from: Same}}}": "infra", "{allowedListeners: {namespaces: {from: All}}}": "",
		"{allowedListeners: {namespaces: {from: Selector, selector: {matchLabels: {a: b}}}}}": "",
	} {
		namespace, allowed := resolve.ListenerSetsOf(target, parse(t, "kind: Gateway\nspec: "+spec))
		if !allowed {
			namespace = "none"
		}
		NewWithT(t).Expect(namespace).To(Equal(want), spec)
	}
}
