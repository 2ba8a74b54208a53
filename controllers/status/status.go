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

package status

import (
	"context"
	"fmt"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Part is a field of the status and a condition with one owner.
type Part struct {
	Owner client.FieldOwner
	// Field is the name in JSON, for example "consumers".
	Field string
	// Condition is the type of the condition.
	Condition string
}

// Apply writes the value of the field and the condition of the GatewayDNS. Without a value, it removes
// both. It writes to the object that was read, not to another one that has its name by now. wrote is
// false if the object is gone.
func Apply[T any](ctx context.Context, c client.Client, gatewayDNS *xccv1.GatewayDNS, part Part, value *T) (wrote bool, err error) {
	fields := map[string]any{}
	if value != nil {
		field, err := runtime.DefaultUnstructuredConverter.ToUnstructured(value)
		if err != nil {
			return false, fmt.Errorf("converting status.%s: %w", part.Field, err)
		}
		condition, err := runtime.DefaultUnstructuredConverter.ToUnstructured(conditions.Get(gatewayDNS, part.Condition))
		if err != nil {
			return false, fmt.Errorf("converting the condition %s: %w", part.Condition, err)
		}
		fields = map[string]any{part.Field: field, "conditions": []any{condition}}
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{
			"namespace": gatewayDNS.Namespace, "name": gatewayDNS.Name, "uid": string(gatewayDNS.UID),
		},
		"status": fields,
	}}
	object.SetGroupVersionKind(xccv1.GroupVersion.WithKind("GatewayDNS"))
	err = c.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(object), part.Owner, client.ForceOwnership)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return false, nil // It is gone, or another one has its name.
	} else if err != nil {
		return false, fmt.Errorf("writing status.%s: %w", part.Field, err)
	}
	return true, nil
}

// GatewaysChanged passes the events of a GatewayDNS that is new or gone, or whose status.gateways has
// changed.
func GatewaysChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*xccv1.GatewayDNS), e.ObjectNew.(*xccv1.GatewayDNS)
		return !apiequality.Semantic.DeepEqual(before.Status.Gateways, after.Status.Gateways)
	}}
}
