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

package addon

import (
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
)

// obsoleteAnnotation on a payload Secret is what has to be deleted in the workload cluster when the payload has arrived
// there: a JSON list of references.
const obsoleteAnnotation = "connectivity.tanzu.vmware.com/obsolete"

// reference names an object of a workload cluster.
type reference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

func referenceTo(object *unstructured.Unstructured) reference {
	return reference{
		APIVersion: object.GetAPIVersion(), Kind: object.GetKind(), Namespace: object.GetNamespace(), Name: object.GetName(),
	}
}

func (r reference) key() client.ObjectKey {
	return types.NamespacedName{Namespace: r.Namespace, Name: r.Name}
}

func (r reference) gvk() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(r.APIVersion, r.Kind)
}

func (r reference) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// object returns an empty object for a client to read into.
func (r reference) object() *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(r.gvk())
	object.SetNamespace(r.Namespace)
	object.SetName(r.Name)
	return object
}

func references(objects []unstructured.Unstructured) []reference {
	all := make([]reference, 0, len(objects))
	for i := range objects {
		all = append(all, referenceTo(&objects[i]))
	}
	return all
}

// legacyObjects returns the objects of the 2022 project that have to be deleted.
func legacyObjects() []reference {
	var all []reference
	for _, object := range legacy.Objects() {
		all = append(all, reference(object))
	}
	return all
}

// obsoleteOf returns what has to be deleted besides the payload of a Secret. An annotation that was spoilt is forgotten.
func obsoleteOf(secret *corev1.Secret) []reference {
	var all []reference
	if secret == nil || json.Unmarshal([]byte(secret.Annotations[obsoleteAnnotation]), &all) != nil {
		return nil
	}
	return all
}

// setObsolete remembers what has to be deleted, without what the payload holds.
func setObsolete(secret *corev1.Secret, all []reference, kept []reference) error {
	all = slices.DeleteFunc(slices.Clone(all), func(r reference) bool { return containsObject(kept, r) })
	slices.SortFunc(all, compareReferences)
	all = slices.Compact(all)
	if len(all) == 0 {
		delete(secret.Annotations, obsoleteAnnotation)
		return nil
	}
	text, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("encoding the obsolete objects: %w", err)
	}
	setAnnotation(secret, obsoleteAnnotation, string(text))
	return nil
}

// containsObject returns whether the object is in the list, in whatever version of its API.
func containsObject(all []reference, wanted reference) bool {
	return slices.ContainsFunc(all, func(r reference) bool {
		return r.gvk().GroupKind() == wanted.gvk().GroupKind() && r.key() == wanted.key()
	})
}

func compareReferences(a, b reference) int {
	return slices.Compare([]string{a.APIVersion, a.Kind, a.Namespace, a.Name}, []string{b.APIVersion, b.Kind, b.Namespace, b.Name})
}

func setAnnotation(object client.Object, key, value string) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	object.SetAnnotations(annotations)
}
