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

package fit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// crd is the schema of the CustomResourceDefinition in the API server's form.
type crd struct {
	validator  validation.SchemaValidator
	structural *structuralschema.Structural
}

func readCRD(t testing.TB) crd {
	t.Helper()
	g := NewWithT(t)
	data, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "connectivity.tanzu.vmware.com_gatewaydns.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	definition := &apiextensionsv1.CustomResourceDefinition{}
	g.Expect(yaml.UnmarshalStrict(data, definition)).To(Succeed())
	schema := &apiextensions.JSONSchemaProps{}
	g.Expect(apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		definition.Spec.Versions[0].Schema.OpenAPIV3Schema, schema, nil)).To(Succeed())
	status, err := json.Marshal(definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"])
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(status)).NotTo(ContainSubstring("x-kubernetes-validations"),
		"problems does not evaluate CEL: add a check for the rule")
	var found crd
	found.validator, _, err = validation.NewSchemaValidator(schema)
	g.Expect(err).NotTo(HaveOccurred())
	found.structural, err = structuralschema.NewStructural(schema)
	g.Expect(err).NotTo(HaveOccurred())
	return found
}

// problems returns why an API server would refuse a status with the gateways, or an empty string.
func (c crd) problems(t testing.TB, gateways []xccv1.GatewayStatus) string {
	t.Helper()
	g := NewWithT(t)
	gatewayDNS := &xccv1.GatewayDNS{
		TypeMeta: metav1.TypeMeta{APIVersion: xccv1.GroupVersion.String(), Kind: "GatewayDNS"},
		Spec:     xccv1.GatewayDNSSpec{Service: "projectcontour/envoy", ResolutionType: xccv1.ResolutionTypeLoadBalancer, Subdomain: "gateway"},
		Status:   xccv1.GatewayDNSStatus{ObservedGeneration: 1, Gateways: gateways},
	}
	data, err := json.Marshal(gatewayDNS)
	g.Expect(err).NotTo(HaveOccurred())
	var object map[string]any
	g.Expect(yaml.Unmarshal(data, &object)).To(Succeed())
	problems := validation.ValidateCustomResource(field.NewPath(""), object, c.validator)
	problems = append(problems, listtype.ValidateListSetsAndMaps(field.NewPath(""), c.structural, object)...)
	if len(problems) == 0 {
		return ""
	}
	return shortened(problems.ToAggregate().Error())
}

func shortened(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), 500)], "")
}

func TestTheSchemaRefusesBadValues(t *testing.T) {
	t.Parallel()
	schema := readCRD(t)
	for name, change := range map[string]func(*xccv1.GatewayStatus){
		"a port of 70000":      func(g *xccv1.GatewayStatus) { g.Ports[0].Port = 70000 },
		"a negative port":      func(g *xccv1.GatewayStatus) { g.Ports[0].Port = -1 },
		"an unknown protocol":  func(g *xccv1.GatewayStatus) { g.Ports[0].Protocol = "QUIC" },
		"a long listener name": func(g *xccv1.GatewayStatus) { g.Ports[0].Name = strings.Repeat("x", 254) },
		"a long message":       func(g *xccv1.GatewayStatus) { g.Message = strings.Repeat("x", 1025) },
		"an address twice":     func(g *xccv1.GatewayStatus) { g.Addresses = []string{"192.0.2.1", "192.0.2.1"} },
		"a long address":       func(g *xccv1.GatewayStatus) { g.Addresses = []string{strings.Repeat("x", 254)} },
		"no state":             func(g *xccv1.GatewayStatus) { g.State = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gateway := sample()
			g.Expect(schema.problems(t, []xccv1.GatewayStatus{gateway})).To(BeEmpty())
			change(&gateway)
			g.Expect(schema.problems(t, []xccv1.GatewayStatus{gateway})).NotTo(BeEmpty())
		})
	}
}
