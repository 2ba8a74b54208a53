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
	"encoding/base64"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// fieldManager names this program in the managed fields of what it writes.
const fieldManager = "dns-config-patcher"

var (
	configMaps  = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	services    = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	events      = schema.GroupVersionResource{Version: "v1", Resource: "events"}
	deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
)

func newClient(config *rest.Config) (dynamic.Interface, error) {
	config = rest.CopyConfig(config)
	// Bounds what a mistake of ours costs the cluster.
	config.QPS, config.Burst = 2, 20
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return client, nil
}

// listWatch lists and watches a single object by its name, so that RBAC can be granted by name.
func listWatch(client dynamic.Interface, resource schema.GroupVersionResource, object types.NamespacedName) cache.ListerWatcher {
	byName := fields.OneTermEqualSelector("metadata.name", object.Name).String()
	objects := client.Resource(resource).Namespace(object.Namespace)
	return &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = byName
			return objects.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = byName
			return objects.Watch(ctx, options)
		},
	}
}

// createMemory returns the memory as it was created.
func (c *Controller) createMemory(ctx context.Context, data map[string]string) (*unstructured.Unstructured, error) {
	name := c.self
	configMap := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
	configMap.SetNamespace(name.Namespace)
	configMap.SetName(name.Name)
	if err := unstructured.SetNestedStringMap(configMap.Object, data, "data"); err != nil {
		return nil, fmt.Errorf("filling the ConfigMap %s: %w", name, err)
	}
	return c.client.Resource(configMaps).Namespace(name.Namespace).
		Create(ctx, configMap, metav1.CreateOptions{FieldManager: fieldManager})
}

// updateConfigMap sets keys of a ConfigMap and leaves the others as they were read. It fails with a conflict when the
// ConfigMap is not the version that was read any more.
func (c *Controller) updateConfigMap(ctx context.Context, read *unstructured.Unstructured, data map[string]string) (*unstructured.Unstructured, error) {
	configMap := read.DeepCopy()
	for key, value := range data {
		if err := unstructured.SetNestedField(configMap.Object, value, "data", key); err != nil {
			return nil, fmt.Errorf("setting %s in the ConfigMap %s: %w", key, klog.KObj(read), err)
		}
	}
	return c.client.Resource(configMaps).Namespace(configMap.GetNamespace()).
		Update(ctx, configMap, metav1.UpdateOptions{FieldManager: fieldManager})
}

// apply makes an edit to a ConfigMap. Like any update it fails with a conflict when the ConfigMap is not the version that was
// read any more.
func (c *Controller) apply(ctx context.Context, read *unstructured.Unstructured, edit corefile.Edit) error {
	if edit.Delete {
		return c.removeKey(ctx, read, edit.Key)
	}
	_, err := c.updateConfigMap(ctx, read, map[string]string{edit.Key: edit.Text})
	return err
}

// removeKey takes a key out of a ConfigMap, and deletes the ConfigMap if it exists for us and nothing else is in it.
func (c *Controller) removeKey(ctx context.Context, read *unstructured.Unstructured, key string) error {
	configMap := read.DeepCopy()
	unstructured.RemoveNestedField(configMap.Object, "data", key)
	client := c.client.Resource(configMaps).Namespace(configMap.GetNamespace())
	binary, _, _ := unstructured.NestedMap(configMap.Object, "binaryData")
	if len(dataOf(configMap)) == 0 && len(binary) == 0 && corefile.IsCustomOurs(configMap.GetLabels()) {
		uid, version := read.GetUID(), read.GetResourceVersion()
		return client.Delete(ctx, read.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
	}
	_, err := client.Update(ctx, configMap, metav1.UpdateOptions{FieldManager: fieldManager})
	return err
}

// dataOf returns the data of a ConfigMap. A ConfigMap that does not exist has none.
func dataOf(configMap *unstructured.Unstructured) map[string]string {
	if configMap == nil {
		return nil
	}
	// The API server serves nothing but strings here.
	data, _, _ := unstructured.NestedStringMap(configMap.Object, "data")
	return data
}

// binaryDataOf returns the binary data of a ConfigMap. Values that are not base64, which the API server does not serve, are left out.
func binaryDataOf(configMap *unstructured.Unstructured) map[string][]byte {
	encoded, _, _ := unstructured.NestedStringMap(configMap.Object, "binaryData")
	data := make(map[string][]byte, len(encoded))
	for key, value := range encoded {
		if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
			data[key] = decoded
		}
	}
	return data
}

// clusterIPsOf returns the addresses of a Service, the one of its first IP family first. A headless Service has none.
func clusterIPsOf(service *unstructured.Unstructured) []string {
	if service == nil {
		return nil
	}
	ips, _, _ := unstructured.NestedStringSlice(service.Object, "spec", "clusterIPs")
	if len(ips) > 0 && ips[0] == "None" {
		return nil
	}
	return ips
}
