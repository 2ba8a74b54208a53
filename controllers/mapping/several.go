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

package mapping

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// prefix begins the name of a request for several objects. No object has a name with a slash in it.
const prefix = "/"

// ToNamespace maps an object to a request for all objects of its namespace, whose controller has Several.
func ToNamespace(_ context.Context, object client.Object) []reconcile.Request {
	return []reconcile.Request{SeveralOf(object.GetNamespace(), "")}
}

// SeveralOf returns a request for the objects of a namespace that belong to a group, for all of them if it is empty.
func SeveralOf(namespace, group string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: prefix + group}}
}

// Several lets one event wake a controller for many objects of a namespace. Whoever handles the event adds one request, which
// costs the same however many objects there are: all namespaces share the goroutine in which events are handled. A worker
// turns the request into those of the objects, and only once for all events that came before.
type Several struct {
	Waker
	names func(ctx context.Context, namespace, group string) ([]string, error)
}

// NewSeveral returns Several for one controller. names returns the names of the objects of a group.
func NewSeveral(names func(ctx context.Context, namespace, group string) ([]string, error)) *Several {
	return &Several{names: names}
}

// Reconciler returns the reconciler of the controller, which passes requests for one object on.
func (s *Several) Reconciler(one reconcile.Reconciler) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		group, isSeveral := strings.CutPrefix(request.Name, prefix)
		if !isSeveral {
			return one.Reconcile(ctx, request)
		}
		names, err := s.names(ctx, request.Namespace, group)
		if err != nil {
			return reconcile.Result{}, err
		}
		for _, name := range names {
			s.Wake(types.NamespacedName{Namespace: request.Namespace, Name: name})
		}
		return reconcile.Result{}, nil
	})
}
