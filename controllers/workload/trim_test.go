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

package workload_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
)

func trimmed(g *WithT, text string) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	json, err := yaml.YAMLToJSON([]byte(text))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(object.UnmarshalJSON(json)).To(Succeed())
	cut, err := workload.Trim(object)
	g.Expect(err).NotTo(HaveOccurred())
	return cut.(*unstructured.Unstructured)
}

const listenerSet = `
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {namespace: team, name: set, uid: u, resourceVersion: "7", generation: 3, creationTimestamp: "2026-01-01T00:00:01Z", labels: {a: b}, annotations: {a: b}}
spec:
  parentRef: {name: eg, namespace: infra, other: 1}
  listeners: [{name: a, port: 443, protocol: HTTPS, hostname: a.example.com, tls: {mode: Terminate}}, 7]
status:
  conditions: [{type: Accepted, status: "True", reason: Accepted, message: m, lastTransitionTime: "2026-01-01T00:00:02Z"}]
  listeners: [{name: a, attachedRoutes: 1, conditions: [{type: Conflicted, status: "False", reason: NoConflicts, message: m}]}]
`

func TestAListenerSetIsCutDownToItsPorts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(trimmed(g, listenerSet).Object).To(Equal(map[string]any{
		"apiVersion": "gateway.networking.k8s.io/v1", "kind": "ListenerSet",
		"metadata": map[string]any{"namespace": "team", "name": "set", "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:01Z"},
		"spec": map[string]any{
			"parentRef": map[string]any{"name": "eg", "namespace": "infra"},
			"listeners": []any{map[string]any{"name": "a", "port": int64(443), "protocol": "HTTPS"}, map[string]any{}},
		},
		"status": map[string]any{
			"conditions": []any{map[string]any{"type": "Accepted", "status": "True", "reason": "Accepted"}},
			"listeners": []any{map[string]any{"name": "a", "conditions": []any{
				map[string]any{"type": "Conflicted", "status": "False", "reason": "NoConflicts"},
			}}},
		},
	}))
	const kind = "apiVersion: gateway.networking.k8s.io/v1\nkind: ListenerSet\n"
	for _, nonsense := range []string{"", "spec: 5", "spec: {parentRef: 5, listeners: 5}\nstatus: {conditions: 5, listeners: {a: b}}", "metadata: {creationTimestamp: 5}\nstatus: []"} {
		g.Expect(trimmed(g, kind+nonsense).GetName()).To(BeEmpty(), nonsense)
	}
}

// The controller of a Gateway may write the status of all its objects at every reconcile.
func TestWhatIsCutOffWakesNobody(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	before, after := trimmed(g, listenerSet), trimmed(g, listenerSet)
	after.SetResourceVersion("8")
	g.Expect(workload.SameButVersion(before, after)).To(BeTrue())
	g.Expect(after.GetResourceVersion()).To(Equal("8"), "the cached object stays as it is")
	g.Expect(unstructured.SetNestedField(after.Object, "Other", "spec", "parentRef", "name")).To(Succeed())
	g.Expect(workload.SameButVersion(before, after)).To(BeFalse())
	again := trimmed(g, listenerSet)
	again.SetUID("another")
	g.Expect(workload.SameButVersion(before, again)).To(BeFalse())
}
