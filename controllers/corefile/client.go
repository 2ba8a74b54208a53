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

package corefile

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// fieldManager names this program in the managed fields of what it writes.
const fieldManager = "dns-config-patcher"

// client reads and writes the few kinds that are needed.
type client struct {
	rest *rest.RESTClient
}

func newClient(config *rest.Config) (client, error) {
	scheme := runtime.NewScheme()
	scheme.AddKnownTypes(corev1.SchemeGroupVersion,
		&corev1.ConfigMap{}, &corev1.ConfigMapList{}, &corev1.Service{}, &corev1.ServiceList{}, &corev1.Event{})
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)

	config = rest.CopyConfig(config)
	config.APIPath = "/api"
	config.GroupVersion = &corev1.SchemeGroupVersion
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	// Bounds what a fight with another writer of the Corefile costs the cluster.
	config.QPS, config.Burst = 2, 10
	restClient, err := rest.RESTClientFor(config)
	if err != nil {
		return client{}, fmt.Errorf("making a client: %w", err)
	}
	return client{rest: restClient}, nil
}

// one lists and watches a single object by its name, so that RBAC can be granted by name.
func (c client) one(resource string, object types.NamespacedName) cache.ListerWatcher {
	return cache.NewListWatchFromClient(c.rest, resource, object.Namespace, fields.OneTermEqualSelector("metadata.name", object.Name))
}

func (c client) createConfigMap(ctx context.Context, configMap *corev1.ConfigMap) (*corev1.ConfigMap, error) {
	created := &corev1.ConfigMap{}
	return created, c.rest.Post().Namespace(configMap.Namespace).Resource("configmaps").
		VersionedParams(&metav1.CreateOptions{FieldManager: fieldManager}, metav1.ParameterCodec).
		Body(configMap).Do(ctx).Into(created)
}

// updateConfigMap fails with a conflict when the ConfigMap has another resourceVersion by now.
func (c client) updateConfigMap(ctx context.Context, configMap *corev1.ConfigMap) (*corev1.ConfigMap, error) {
	updated := &corev1.ConfigMap{}
	return updated, c.rest.Put().Namespace(configMap.Namespace).Resource("configmaps").Name(configMap.Name).
		VersionedParams(&metav1.UpdateOptions{FieldManager: fieldManager}, metav1.ParameterCodec).
		Body(configMap).Do(ctx).Into(updated)
}

func (c client) createEvent(ctx context.Context, event *corev1.Event) error {
	return c.rest.Post().Namespace(event.Namespace).Resource("events").
		VersionedParams(&metav1.CreateOptions{FieldManager: fieldManager}, metav1.ParameterCodec).
		Body(event).Do(ctx).Error()
}

// deploymentUID reads a Deployment's metadata, which spares the types of another API group.
func (c client) deploymentUID(ctx context.Context, deployment types.NamespacedName) (types.UID, error) {
	body, err := c.rest.Get().
		AbsPath("/apis/apps/v1").Namespace(deployment.Namespace).Resource("deployments").Name(deployment.Name).DoRaw(ctx)
	if err != nil {
		return "", err
	}
	metadata := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(body, metadata); err != nil {
		return "", fmt.Errorf("decoding the Deployment %s: %w", deployment, err)
	}
	return metadata.UID, nil
}
