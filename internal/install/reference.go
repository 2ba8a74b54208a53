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

package install

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// Reference names an object of a workload cluster.
type Reference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// ReferenceTo returns the reference to an object.
func ReferenceTo(object *unstructured.Unstructured) Reference {
	return Reference{
		APIVersion: object.GetAPIVersion(), Kind: object.GetKind(), Namespace: object.GetNamespace(), Name: object.GetName(),
	}
}

// References returns the references to objects, in the same order.
func References(objects []unstructured.Unstructured) []Reference {
	all := make([]Reference, 0, len(objects))
	for i := range objects {
		all = append(all, ReferenceTo(&objects[i]))
	}
	return all
}

// Key returns namespace and name.
func (r Reference) Key() types.NamespacedName {
	return types.NamespacedName{Namespace: r.Namespace, Name: r.Name}
}

// GroupVersionKind returns the kind with the version of its API.
func (r Reference) GroupVersionKind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(r.APIVersion, r.Kind)
}

// Object returns an empty object for a client to read into.
func (r Reference) Object() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(r.GroupVersionKind())
	object.SetNamespace(r.Namespace)
	object.SetName(r.Name)
	return object
}

// String returns the kind and the name for messages.
func (r Reference) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// Contains returns whether a list names the object, in any version of its API.
func Contains(all []Reference, wanted Reference) bool {
	return slices.ContainsFunc(all, func(r Reference) bool {
		return r.GroupVersionKind().GroupKind() == wanted.GroupVersionKind().GroupKind() && r.Key() == wanted.Key()
	})
}

// without returns the references that are not kept, sorted and without duplicates; nil if there are
// none.
func without(all, kept []Reference) []Reference {
	all = slices.DeleteFunc(slices.Clone(all), func(r Reference) bool { return Contains(kept, r) })
	slices.SortFunc(all, func(a, b Reference) int {
		return cmp.Or(cmp.Compare(a.APIVersion, b.APIVersion), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	if len(all) == 0 {
		return nil
	}
	return slices.Compact(all)
}

// fits returns whether the parts are no longer than Kubernetes allows. A hostile API server can
// report objects with longer names.
func (r Reference) fits() bool {
	const name, label = 253, 63
	return len(r.APIVersion) <= name+1+label && len(r.Kind) <= label && len(r.Namespace) <= label && len(r.Name) <= name
}
