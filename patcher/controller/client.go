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
	// Bounds the load of a mistake of ours on the cluster.
	config.QPS, config.Burst = 2, 20
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return client, nil
}

// listWatch lists and watches a single object by its name, because RBAC grants rights by name.
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

// writer writes ConfigMaps as dns-config-patcher. It is a dnsconfig.Writer.
type writer struct{ client dynamic.Interface }

func (w writer) in(namespace string) dynamic.ResourceInterface {
	return w.client.Resource(configMaps).Namespace(namespace)
}

// Create implements the creation of the memory. The patcher creates no other ConfigMap.
func (w writer) Create(ctx context.Context, configMap *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return w.in(configMap.GetNamespace()).Create(ctx, configMap, metav1.CreateOptions{FieldManager: fieldManager})
}

// Update implements dnsconfig.Writer.
func (w writer) Update(ctx context.Context, configMap *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return w.in(configMap.GetNamespace()).Update(ctx, configMap, metav1.UpdateOptions{FieldManager: fieldManager})
}

// Delete implements dnsconfig.Writer.
func (w writer) Delete(ctx context.Context, configMap *unstructured.Unstructured, preconditions metav1.Preconditions) error {
	return w.in(configMap.GetNamespace()).Delete(ctx, configMap.GetName(), metav1.DeleteOptions{Preconditions: &preconditions})
}
