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

package templates

import (
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// corefileRole is the name of the Role and RoleBinding that let dns-config-patcher configure CoreDNS. They exist in each
// namespace with a ConfigMap of CoreDNS, and always in kube-system.
const corefileRole = "xcc-dns-config-patcher"

// grant replaces the ConfigMaps in the Role of kube-system, and adds a Role and a RoleBinding for each other namespace.
func grant(objects []unstructured.Unstructured, configMaps []types.NamespacedName) ([]unstructured.Unstructured, error) {
	byNamespace := map[string][]string{}
	var namespaces []string
	for _, name := range configMaps {
		if !slices.Contains(namespaces, name.Namespace) && name.Namespace != corefile.Namespace {
			namespaces = append(namespaces, name.Namespace)
		}
		byNamespace[name.Namespace] = append(byNamespace[name.Namespace], name.Name)
	}
	var granted []unstructured.Unstructured
	for _, object := range objects {
		if object.GetName() != corefileRole {
			granted = append(granted, object)
			continue
		}
		for _, namespace := range append([]string{corefile.Namespace}, namespaces...) {
			copied := object.DeepCopy()
			copied.SetNamespace(namespace)
			if object.GetKind() == "Role" {
				if err := fill(copied, &rbacv1.Role{}, func(role *rbacv1.Role) { setRules(role, byNamespace[namespace]) }); err != nil {
					return nil, fmt.Errorf("filling in Role %s/%s: %w", namespace, corefileRole, err)
				}
			}
			granted = append(granted, *copied)
		}
	}
	return granted, nil
}

// setRules sets the names in the Role's rules for ConfigMaps, and drops all other rules outside of kube-system. A rule without
// names is dropped, because it would grant all ConfigMaps.
func setRules(role *rbacv1.Role, names []string) {
	isKubeSystem := role.Namespace == corefile.Namespace
	var rules []rbacv1.PolicyRule
	for _, rule := range role.Rules {
		switch {
		case !slices.Contains(rule.Resources, "configmaps"):
			if !isKubeSystem {
				continue
			}
		case slices.Contains(rule.Verbs, "delete"):
			// This rule is for the ConfigMap that the manager creates.
			if !isKubeSystem || !slices.Contains(names, corefile.Custom().Name) {
				continue
			}
		default:
			rule.ResourceNames = names
		}
		if len(rule.ResourceNames) > 0 {
			rules = append(rules, rule)
		}
	}
	role.Rules = rules
}
