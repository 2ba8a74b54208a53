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

package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// contents are the objects of a workload cluster, of the kinds that its API server had when it started.
type contents struct {
	resources []schema.GroupVersionResource
	objects   map[types.UID]entry
}

// entry is an object and the resource by which it is deleted.
type entry struct {
	resource  schema.GroupVersionResource
	namespace string
	name      string
}

// unlisted are resources whose objects come and go with others, or belong to the API server itself.
var unlisted = []string{"events", "flowschemas", "ipaddresses", "prioritylevelconfigurations", "servicecidrs"}

// snapshot returns what a workload cluster has.
func snapshot(ctx context.Context, config *rest.Config) (contents, error) {
	resources, err := builtIn(config)
	if err != nil {
		return contents{}, err
	}
	lister, err := metadata.NewForConfig(config)
	if err != nil {
		return contents{}, err
	}
	objects, err := list(ctx, lister, resources)
	return contents{resources: resources, objects: objects}, err
}

// list returns all objects of the resources.
func list(ctx context.Context, lister metadata.Interface, resources []schema.GroupVersionResource) (map[types.UID]entry, error) {
	found := map[types.UID]entry{}
	for _, resource := range resources {
		list, err := lister.Resource(resource).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", resource.Resource, err)
		}
		for i := range list.Items {
			object := &list.Items[i]
			found[object.UID] = entry{resource: resource, namespace: object.Namespace, name: object.Name}
		}
	}
	return found, nil
}

// builtIn returns the built-in resources whose objects can be listed and deleted.
func builtIn(config *rest.Config) ([]schema.GroupVersionResource, error) {
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	lists, err := discoverer.ServerPreferredResources()
	if err != nil {
		return nil, fmt.Errorf("discovering resources: %w", err)
	}
	var found []schema.GroupVersionResource
	for _, list := range discovery.FilteredBy(discovery.SupportsAllVerbs{Verbs: []string{"list", "delete"}}, lists) {
		group, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, resource := range list.APIResources {
			if !slices.Contains(unlisted, resource.Name) {
				found = append(found, group.WithResource(resource.Name))
			}
		}
	}
	return found, nil
}

// empty deletes all objects that were not there initially. Finalizers and namespaces are cleared here, because no controller
// runs that would do so.
func (c *Cluster) empty(ctx context.Context) error {
	deleter, err := metadata.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	// A namespace goes after its contents, and a CustomResourceDefinition some time after its deletion.
	return wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, Soon, true, func(ctx context.Context) (bool, error) {
		current, err := list(ctx, deleter, c.initial.resources)
		if err != nil {
			return false, err
		}
		var namespaces []string
		var errs []error
		left := 0
		for uid, found := range current {
			if _, ok := c.initial.objects[uid]; ok {
				continue
			}
			if found.resource.Resource == "namespaces" {
				namespaces = append(namespaces, found.name)
				continue
			}
			left++
			errs = append(errs, remove(ctx, deleter, found))
		}
		if left == 0 {
			errs = append(errs, c.removeNamespaces(ctx, namespaces))
		}
		return left == 0, errors.Join(errs...)
	})
}

func remove(ctx context.Context, deleter metadata.Interface, found entry) error {
	// An empty namespace leads to objects without one.
	resource := deleter.Resource(found.resource).Namespace(found.namespace)
	err := resource.Delete(ctx, found.name, metav1.DeleteOptions{GracePeriodSeconds: new(int64(0))})
	if err == nil && found.resource.Resource != "customresourcedefinitions" {
		_, err = resource.Patch(ctx, found.name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting %s %s/%s: %w", found.resource.Resource, found.namespace, found.name, err)
	}
	return nil
}

// removeNamespaces removes namespaces that are empty.
func (c *Cluster) removeNamespaces(ctx context.Context, names []string) error {
	set, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	namespaces := set.CoreV1().Namespaces()
	var errs []error
	for _, name := range names {
		err := namespaces.Delete(ctx, name, metav1.DeleteOptions{})
		if err == nil {
			_, err = namespaces.Finalize(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.UpdateOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("deleting the namespace %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}
