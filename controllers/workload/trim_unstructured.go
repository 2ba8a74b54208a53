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

package workload

import (
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// trimUnstructured keeps what is asked of the kinds that are read unstructured.
func trimUnstructured(object *unstructured.Unstructured) *unstructured.Unstructured {
	switch object.GroupVersionKind() {
	case crdKind:
		return trimCustomResourceDefinition(object)
	case listenerSetKind:
		return trimListenerSet(object)
	}
	object.SetManagedFields(nil)
	object.SetAnnotations(nil)
	return object
}

func unstructuredIdentity(object *unstructured.Unstructured) *unstructured.Unstructured {
	trimmed := &unstructured.Unstructured{Object: map[string]any{}}
	trimmed.SetGroupVersionKind(object.GroupVersionKind())
	trimmed.SetNamespace(object.GetNamespace())
	trimmed.SetName(object.GetName())
	trimmed.SetUID(object.GetUID())
	trimmed.SetResourceVersion(object.GetResourceVersion())
	trimmed.SetDeletionTimestamp(object.GetDeletionTimestamp())
	return trimmed
}

// trimCustomResourceDefinition keeps which versions are served.
func trimCustomResourceDefinition(definition *unstructured.Unstructured) *unstructured.Unstructured {
	trimmed := unstructuredIdentity(definition)
	var served []any
	for _, name := range ServedVersions(definition) {
		served = append(served, map[string]any{"name": name, "served": true})
	}
	_ = unstructured.SetNestedSlice(trimmed.Object, served, "spec", "versions") // It has no spec that could be in the way.
	return trimmed
}

// ServedVersions returns the names of the versions in which a CustomResourceDefinition serves its kind; none when it is being
// deleted.
func ServedVersions(definition *unstructured.Unstructured) []string {
	if definition.GetDeletionTimestamp() != nil {
		return nil
	}
	versions, _, _ := unstructured.NestedSlice(definition.Object, "spec", "versions")
	var served []string
	for _, item := range versions {
		version, _ := item.(map[string]any)
		isServed, _ := version["served"].(bool)
		if name, ok := version["name"].(string); ok && isServed {
			served = append(served, name)
		}
	}
	return served
}

// trimListenerSet keeps the parent of a ListenerSet, the ports of its listeners, and the conditions of both without their times,
// which may change with every reconcile of their controller. Routes, TLS and messages may be large.
func trimListenerSet(set *unstructured.Unstructured) *unstructured.Unstructured {
	trimmed := unstructuredIdentity(set)
	trimmed.SetCreationTimestamp(set.GetCreationTimestamp())
	parent, _, _ := unstructured.NestedFieldNoCopy(set.Object, "spec", "parentRef")
	listeners, _, _ := unstructured.NestedFieldNoCopy(set.Object, "spec", "listeners")
	trimmed.Object["spec"] = map[string]any{
		"parentRef": pick(parent, "group", "kind", "namespace", "name"),
		"listeners": pickEach(listeners, "name", "port", "protocol"),
	}
	conditions, _, _ := unstructured.NestedFieldNoCopy(set.Object, "status", "conditions")
	statuses, _, _ := unstructured.NestedFieldNoCopy(set.Object, "status", "listeners")
	kept := pickEach(statuses, "name", "conditions")
	for _, item := range kept {
		status, _ := item.(map[string]any)
		status["conditions"] = pickEach(status["conditions"], "type", "status", "reason")
	}
	trimmed.Object["status"] = map[string]any{"conditions": pickEach(conditions, "type", "status", "reason"), "listeners": kept}
	return trimmed
}

// pick returns the given fields of an object. It is empty for a value of another shape.
func pick(value any, fields ...string) map[string]any {
	object, _ := value.(map[string]any)
	picked := map[string]any{}
	for _, field := range fields {
		if found, ok := object[field]; ok {
			picked[field] = found
		}
	}
	return picked
}

// pickEach returns the given fields of each object in a list.
func pickEach(value any, fields ...string) []any {
	list, _ := value.([]any)
	var picked []any
	for _, item := range list {
		picked = append(picked, pick(item, fields...))
	}
	return picked
}

// unstructuredWithoutVersion returns the content of an object but for its version. The object itself stays as it is.
func unstructuredWithoutVersion(object *unstructured.Unstructured) map[string]any {
	content := maps.Clone(object.Object)
	metadata, _ := content["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	delete(metadata, "resourceVersion")
	delete(metadata, "generation")
	content["metadata"] = metadata
	return content
}
