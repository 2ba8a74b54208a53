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

package controller

import (
	"context"
	"fmt"
	"maps"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
)

// remember stores values in the memory and in the observation. It sends nothing if they are stored already.
func (c *Controller) remember(ctx context.Context, o *observation, values map[string]string) error {
	remembered := dnsconfig.Data(o.Memory)
	changed := maps.Clone(values)
	memory, store := o.Memory.DeepCopy(), c.writer.Update
	if memory == nil {
		memory, store = c.newMemory(), c.writer.Create
	} else {
		// A missing key is as good as an empty one.
		maps.DeleteFunc(changed, func(key, value string) bool { return remembered[key] == value })
		if len(changed) == 0 {
			return nil
		}
	}
	for key, value := range changed {
		if err := unstructured.SetNestedField(memory.Object, value, "data", key); err != nil {
			return fmt.Errorf("setting %s in ConfigMap %s: %w", key, c.self, err)
		}
	}
	stored, err := store(ctx, memory)
	if err != nil {
		return err
	}
	o.Memory = stored
	return nil
}

// newMemory returns the memory before anything is stored in it.
func (c *Controller) newMemory() *unstructured.Unstructured {
	memory := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
	memory.SetNamespace(c.self.Namespace)
	memory.SetName(c.self.Name)
	return memory
}
