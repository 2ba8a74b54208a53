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
	"sync/atomic"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
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
	names func(ctx context.Context, namespace, group string) ([]string, error)
	queue atomic.Pointer[workqueue.TypedRateLimitingInterface[reconcile.Request]]
}

// NewSeveral returns Several for one controller. names returns the names of the objects of a group.
func NewSeveral(names func(ctx context.Context, namespace, group string) ([]string, error)) *Several {
	return &Several{names: names}
}

// Source is a source of the controller.
func (s *Several) Source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		s.queue.Store(&queue)
		return nil
	})
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
		queue := *s.queue.Load()
		for _, name := range names {
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: request.Namespace, Name: name}})
		}
		return reconcile.Result{}, nil
	})
}
