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
	"cmp"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Right is a rule of a role that is bound to a ServiceAccount.
type Right struct {
	// Account is "namespace/name".
	Account string
	// Namespace is the namespace of the binding, or empty for all namespaces.
	Namespace string
	Rule      rbacv1.PolicyRule
}

// Of returns the rights of all bindings among the objects, sorted. It returns an error if the role
// of a binding is missing.
func Of(objects []unstructured.Unstructured) ([]Right, error) {
	rules := map[string][]rbacv1.PolicyRule{}
	for i := range objects {
		if kind := objects[i].GetKind(); kind == "Role" || kind == "ClusterRole" {
			var role rbacv1.Role
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(objects[i].Object, &role); err != nil {
				return nil, fmt.Errorf("reading %s %s: %w", kind, objects[i].GetName(), err)
			}
			rules[roleKey(kind, role.Namespace, role.Name)] = role.Rules
		}
	}
	var all []Right
	for i := range objects {
		if kind := objects[i].GetKind(); kind != "RoleBinding" && kind != "ClusterRoleBinding" {
			continue
		}
		var binding rbacv1.RoleBinding
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(objects[i].Object, &binding); err != nil {
			return nil, fmt.Errorf("reading %s %s: %w", objects[i].GetKind(), objects[i].GetName(), err)
		}
		bound, found := rules[roleKey(binding.RoleRef.Kind, binding.Namespace, binding.RoleRef.Name)]
		if !found {
			return nil, fmt.Errorf("%s %s refers to a role that is not among the manifests", objects[i].GetKind(), binding.Name)
		}
		for _, subject := range binding.Subjects {
			for _, rule := range bound {
				all = append(all, Right{Account: subject.Namespace + "/" + subject.Name, Namespace: binding.Namespace, Rule: rule})
			}
		}
	}
	slices.SortFunc(all, func(a, b Right) int { return cmp.Compare(a.String(), b.String()) })
	return all, nil
}

func roleKey(kind, namespace, name string) string {
	if kind == "ClusterRole" {
		namespace = ""
	}
	return kind + "/" + namespace + "/" + name
}

// Objects describes the resources and names of the right, such as "configmaps coredns,
// node-local-dns".
func (r Right) Objects() string {
	var resources []string
	for _, group := range r.Rule.APIGroups {
		for _, resource := range r.Rule.Resources {
			if group != "" {
				resource += "." + group
			}
			resources = append(resources, resource)
		}
	}
	return strings.TrimSpace(strings.Join(resources, ", ") + " " + strings.Join(r.Rule.ResourceNames, ", "))
}

func (r Right) String() string {
	return fmt.Sprintf("%s may %s %s in %q", r.Account, strings.Join(r.Rule.Verbs, ", "), r.Objects(), r.Namespace)
}
