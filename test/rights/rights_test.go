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

package rights

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
)

const manifests = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: role, namespace: ns}
rules:
- {apiGroups: [""], resources: [configmaps], resourceNames: [a, b], verbs: [list, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: binding, namespace: ns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: role}
subjects: [{kind: ServiceAccount, name: account, namespace: ns}]
`

func parse(g *WithT, text string) []unstructured.Unstructured {
	objects, err := utilyaml.ToUnstructured([]byte(text))
	g.Expect(err).NotTo(HaveOccurred())
	return objects
}

func TestForbiddenAndUnused(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	rights, err := Of(parse(g, manifests))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(rights).To(HaveLen(1))
	g.Expect(rights[0].String()).To(Equal(`ns/account may list, update configmaps a, b in "ns"`))

	log := filepath.Join(t.TempDir(), "audit.log")
	g.Expect(os.WriteFile(log, []byte(`{"verb":"list","user":{"username":"system:serviceaccount:ns:account"},"objectRef":{"resource":"configmaps","namespace":"ns","name":"a"}}
{"verb":"update","user":{"username":"system:serviceaccount:ns:other"},"objectRef":{"resource":"configmaps","namespace":"ns","name":"b"}}
{"verb":"update","user":{"username":"system:serviceaccount:elsewhere:account"},"objectRef":{"resource":"configmaps","namespace":"ns","name":"b"}}
{"verb":"get","user":{"username":"system:serviceaccount:ns:account"},"requestURI":"/api/v1/secrets","annotations":{"authorization.k8s.io/decision":"forbid"}}
`), 0o600)).To(Succeed())
	requests, err := Read(log, "ns")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(requests).To(HaveLen(3))
	g.Expect(Forbidden(requests)).To(ConsistOf("system:serviceaccount:ns:account may not get /api/v1/secrets"))
	g.Expect(Unused(rights, requests)).To(ConsistOf(HaveSuffix(`: "update"`), HaveSuffix(`: "b"`)))

	rights[0].Rule.Verbs = []string{"list", "watch"}
	requests[0].Verb, requests[0].RequestURI = "watch", "/api/v1/namespaces/ns/configmaps?sendInitialEvents=true&watch=true"
	g.Expect(Unused(rights, requests)).To(ConsistOf(HaveSuffix(`: "b"`)), "a list that is streamed is a list")
}

func TestABindingWithoutItsRoleIsAnError(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, err := Of(parse(g, manifests)[1:])
	g.Expect(err).To(MatchError(ContainSubstring("binding refers to a role")))
}
