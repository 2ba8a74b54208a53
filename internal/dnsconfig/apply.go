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

package dnsconfig

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// Writer writes ConfigMaps of one cluster.
type Writer interface {
	// Update returns the ConfigMap as the API server stored it. It fails with a conflict if that has another resourceVersion.
	Update(ctx context.Context, configMap *unstructured.Unstructured) (*unstructured.Unstructured, error)
	// Delete deletes the ConfigMap if the preconditions hold.
	Delete(ctx context.Context, configMap *unstructured.Unstructured, preconditions metav1.Preconditions) error
}

// Apply makes one edit, and keeps in Objects what it leads to: edits of one ConfigMap build on each other. An edit of a
// ConfigMap that does not exist does nothing. The error is a conflict if the ConfigMap was changed since it was read.
func (o Objects) Apply(ctx context.Context, writer Writer, edit corefile.Edit) error {
	read := o.ConfigMaps[edit.ConfigMap]
	if read == nil {
		return nil
	}
	changed := read.DeepCopy()
	if edit.Delete {
		unstructured.RemoveNestedField(changed.Object, "data", edit.Key)
	} else if err := unstructured.SetNestedField(changed.Object, edit.Text, "data", edit.Key); err != nil {
		return fmt.Errorf("setting %s: %w", edit.Ref(), err)
	}
	var err error
	if edit.Delete && isCreatedForUs(changed) && isEmpty(changed) {
		uid, version := read.GetUID(), read.GetResourceVersion()
		err = writer.Delete(ctx, read, metav1.Preconditions{UID: &uid, ResourceVersion: &version})
		changed = nil
	} else {
		changed, err = writer.Update(ctx, changed)
	}
	if err != nil {
		return fmt.Errorf("writing ConfigMap %s: %w", edit.ConfigMap, err)
	}
	o.ConfigMaps[edit.ConfigMap] = changed
	return nil
}

// isEmpty returns whether a ConfigMap holds no key.
func isEmpty(configMap *unstructured.Unstructured) bool {
	binary, _, _ := unstructured.NestedMap(configMap.Object, "binaryData")
	return len(Data(configMap))+len(binary) == 0
}
