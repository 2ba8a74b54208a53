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

package apidoc_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/apidoc"
)

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things, shortNames: [th]}
  versions:
  - name: v1
    storage: true
    served: true
    additionalPrinterColumns:
    - {name: Ready, type: string, jsonPath: .status.ready, description: Whether it is}
    - {name: More, type: string, jsonPath: .status.more, description: What else, priority: 1}
    schema:
      openAPIV3Schema:
        type: object
        description: Thing is *.<a>.b.
        properties:
          spec:
            type: object
            description: spec is what is asked for.
            required: [name]
            x-kubernetes-validations: [{rule: "true", message: there must be one}]
            properties:
              name: {type: string, maxLength: 5, description: "name is a\nname.", x-kubernetes-validations: [{rule: "true", message: a | b}]}
              kind: {type: string, enum: [p, q], default: p, description: kind is one.}
              ports:
                type: array
                maxItems: 3
                description: ports are some.
                items:
                  type: object
                  properties:
                    port: {type: integer, minimum: 1, maximum: 9, description: port is one.}
              labels: {type: object, additionalProperties: {type: string}, description: labels are some.}
              at: {type: string, format: date-time, description: at is when.}
`

func TestWrite(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var page strings.Builder
	g.Expect(apidoc.Write(&page, []byte(definition))).To(Succeed())
	_, page2, _ := strings.Cut(page.String(), "`apiVersion")
	g.Expect("`apiVersion" + page2).To(Equal(strings.Join([]string{
		"`apiVersion: example.com/v1`, `kind: Thing`, namespaced; for kubectl `things` or `th`.",
		"",
		`Thing is \*.&lt;a&gt;.b.`,
		"",
		"## spec",
		"",
		"spec is what is asked for.",
		"",
		"* there must be one",
		"",
		"| field | type | meaning | limits |",
		"|---|---|---|---|",
		"| `at` | time | at is when. |  |",
		"| `kind` | string | kind is one. | default `\"p\"`; one of `\"p\"`, `\"q\"` |",
		"| `labels` | map of string | labels are some. |  |",
		`| ` + "`name`" + ` | string | name is a<br>name. | required; at most 5 characters; a \| b |`,
		"| `ports` | list of object | ports are some. | at most 3 items |",
		"| `ports[].port` | integer | port is one. | at least 1; at most 9 |",
		"",
		"## Columns of kubectl get",
		"",
		"| column | meaning | shown |",
		"|---|---|---|",
		"| READY | Whether it is | always |",
		"| MORE | What else | with `-o wide` |",
		"",
	}, "\n")))
}

func TestWriteRefusesWhatIsNoDefinition(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(apidoc.Write(&strings.Builder{}, []byte("spec: [1"))).To(MatchError(ContainSubstring("parsing the definition")))
	g.Expect(apidoc.Write(&strings.Builder{}, []byte("metadata: {name: x}"))).To(MatchError("definition x has no schema"))
}
