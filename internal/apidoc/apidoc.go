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

package apidoc

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// Write writes the page of the definition's storage version in Markdown. It returns an error when the definition cannot be
// parsed or has no schema.
func Write(out io.Writer, definition []byte) error {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(definition, crd); err != nil {
		return fmt.Errorf("parsing the definition: %w", err)
	}
	storage := slices.IndexFunc(crd.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Storage })
	if storage < 0 || crd.Spec.Versions[storage].Schema == nil {
		return fmt.Errorf("definition %s has no schema", crd.Name)
	}
	version := crd.Spec.Versions[storage]
	root := version.Schema.OpenAPIV3Schema
	page := &strings.Builder{}
	fmt.Fprintf(page, "# API: %s\n\n", crd.Spec.Names.Kind)
	page.WriteString("Written by `make generate` from the types in [api](../api/v1alpha1/gatewaydns_types.go). " +
		"`kubectl explain` says the same; [reference](reference.md) has labels, annotations, conditions and states.\n\n")
	fmt.Fprintf(page, "`apiVersion: %s/%s`, `kind: %s`, %s; for kubectl `%s` or `%s`.\n\n", crd.Spec.Group, version.Name, crd.Spec.Names.Kind,
		strings.ToLower(string(crd.Spec.Scope)), crd.Spec.Names.Plural, strings.Join(crd.Spec.Names.ShortNames, "` or `"))
	fmt.Fprintf(page, "%s\n", text(root.Description))
	for _, part := range []string{"spec", "status"} {
		schema, ok := root.Properties[part]
		if !ok {
			continue
		}
		fmt.Fprintf(page, "\n## %s\n\n%s\n", part, text(schema.Description))
		for _, rule := range rules(&schema) {
			fmt.Fprintf(page, "\n* %s\n", rule)
		}
		page.WriteString("\n| field | type | meaning | limits |\n|---|---|---|---|\n")
		writeFields(page, "", &schema)
	}
	fmt.Fprintf(page, "\n## Columns of kubectl get\n\n| column | meaning | shown |\n|---|---|---|\n")
	for _, column := range version.AdditionalPrinterColumns {
		shown := "always"
		if column.Priority > 0 {
			shown = "with `-o wide`"
		}
		fmt.Fprintf(page, "| %s | %s | %s |\n", strings.ToUpper(column.Name), text(column.Description), shown)
	}
	_, err := io.WriteString(out, page.String())
	return err
}

// writeFields writes a row for each field of an object, those of the objects in it after each.
func writeFields(page *strings.Builder, path string, object *apiextensionsv1.JSONSchemaProps) {
	for _, name := range slices.Sorted(maps.Keys(object.Properties)) {
		field := object.Properties[name]
		limits := limitsOf(&field)
		if slices.Contains(object.Required, name) {
			limits = append([]string{"required"}, limits...)
		}
		fmt.Fprintf(page, "| `%s%s` | %s | %s | %s |\n", path, name, typeOf(&field), text(field.Description), strings.Join(limits, "; "))
		switch {
		case field.Items != nil && field.Items.Schema != nil:
			writeFields(page, path+name+"[].", field.Items.Schema)
		default:
			writeFields(page, path+name+".", &field)
		}
	}
}

// typeOf returns the type of a field in a word or two.
func typeOf(field *apiextensionsv1.JSONSchemaProps) string {
	switch {
	case field.Items != nil && field.Items.Schema != nil:
		return "list of " + typeOf(field.Items.Schema)
	case field.AdditionalProperties != nil && field.AdditionalProperties.Schema != nil:
		return "map of " + typeOf(field.AdditionalProperties.Schema)
	case field.Format == "date-time":
		return "time"
	}
	return field.Type
}

// limitsOf returns what the schema allows in a field.
func limitsOf(field *apiextensionsv1.JSONSchemaProps) []string {
	var limits []string
	if field.Default != nil {
		limits = append(limits, fmt.Sprintf("default `%s`", field.Default.Raw))
	}
	var values []string
	for _, value := range field.Enum {
		values = append(values, fmt.Sprintf("`%s`", value.Raw))
	}
	if len(values) > 0 {
		limits = append(limits, "one of "+strings.Join(values, ", "))
	}
	for _, limit := range []struct {
		format string
		value  *int64
	}{
		{"at least %d characters", field.MinLength}, {"at most %d characters", field.MaxLength}, {"at most %d items", field.MaxItems},
	} {
		if limit.value != nil {
			limits = append(limits, fmt.Sprintf(limit.format, *limit.value))
		}
	}
	if field.Minimum != nil {
		limits = append(limits, fmt.Sprintf("at least %g", *field.Minimum))
	}
	if field.Maximum != nil {
		limits = append(limits, fmt.Sprintf("at most %g", *field.Maximum))
	}
	return append(limits, rules(field)...)
}

// rules returns the sentences with which wrong values are refused.
func rules(field *apiextensionsv1.JSONSchemaProps) []string {
	var sentences []string
	for _, rule := range field.XValidations {
		sentences = append(sentences, text(rule.Message))
	}
	return sentences
}

// text returns a description as it stands in a table of Markdown.
func text(description string) string {
	return strings.NewReplacer("\n", "<br>", "|", `\|`, "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`).Replace(strings.TrimSpace(description))
}
