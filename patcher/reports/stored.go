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

package reports

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

// fieldManager names this program in the managed fields of the ConfigMap.
const fieldManager = "dns-config-patcher"

// stored is the ConfigMap with the merged report.
type stored struct {
	client dynamic.ResourceInterface
	// isRead is true if object is the ConfigMap as it was read or written last. object is nil if there is none.
	isRead bool
	object *unstructured.Unstructured
}

func newStored(config *rest.Config, namespace string) (*stored, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	configMaps := schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	return &stored{client: client.Resource(configMaps).Namespace(namespace)}, nil
}

// read reads the ConfigMap unless it is known.
func (s *stored) read(ctx context.Context) error {
	if s.isRead {
		return nil
	}
	object, err := s.client.Get(ctx, xccv1.ReachabilityName, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		object = nil
	case err != nil:
		return err
	}
	s.object, s.isRead = object, true
	return nil
}

// is returns whether the ConfigMap has the report. A missing ConfigMap is as good as an empty report.
func (s *stored) is(report reachability.Report) bool {
	if s.object == nil {
		return s.isRead && report.IsEmpty()
	}
	text, _, _ := unstructured.NestedString(s.object.Object, "data", reachability.DataKey)
	return text == string(report.Encode())
}

// write creates or updates the ConfigMap. After an error it is read again: another writer changed or deleted it.
func (s *stored) write(ctx context.Context, report reachability.Report) error {
	isNew := s.object == nil
	object := s.object.DeepCopy()
	if isNew {
		object = &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
		object.SetName(xccv1.ReachabilityName)
	}
	data := map[string]any{reachability.DataKey: string(report.Encode())}
	if err := unstructured.SetNestedMap(object.Object, data, "data"); err != nil {
		return err
	}
	var err error
	if isNew {
		object, err = s.client.Create(ctx, object, metav1.CreateOptions{FieldManager: fieldManager})
	} else {
		object, err = s.client.Update(ctx, object, metav1.UpdateOptions{FieldManager: fieldManager})
	}
	s.object, s.isRead = object, err == nil
	return err
}
