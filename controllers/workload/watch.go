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

package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watch is an informer that is ended by its cancel.
type watch struct {
	informer cache.SharedIndexInformer
	synced   cache.DoneChecker
	cancel   context.CancelFunc
	account  *account

	mu sync.Mutex
	// err is why it could not list or watch last; nil since it could.
	err error
}

// startWatch starts a watch, which wakes when it has listed the objects, when they change, and when it cannot list
// them.
func startWatch(connection *connection, remote client.WithWatch, demand Demand, wake func()) (*watch, error) {
	listWatch, err := listWatchOf(remote, demand)
	if err != nil {
		return nil, err
	}
	object, _ := demand.Kind.prototypes()
	// Not the context of the reconcile that needs the watch first: it outlives that.
	ctx, cancel := context.WithCancel(connection.done)
	account := &account{budget: connection.budget}
	bounded := &boundedListerWatcher{next: listWatch, account: account, lane: connection.lane, trim: demand.Kind.trim, namespace: demand.Namespace, name: demand.Name}
	w := &watch{informer: cache.NewSharedIndexInformer(bounded, object, 0, cache.Indexers{}), cancel: cancel, account: account}
	registration, err := w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { wake() },
		UpdateFunc: func(before, after any) {
			if !sameButVersion(before, after, apiequality.Semantic.DeepEqual) {
				wake()
			}
		},
		DeleteFunc: func(any) { wake() },
	})
	if err == nil {
		_, err = w.informer.AddEventHandler(account.handler())
	}
	if err == nil {
		err = w.informer.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *cache.Reflector, err error) {
			if w.failed(err) {
				wake()
			}
		})
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("watching %s: %w", demand.Kind, err)
	}
	w.synced = registration.HasSyncedChecker()
	go w.informer.RunWithContext(ctx)
	go func() {
		select {
		case <-w.synced.Done():
			wake()
		case <-ctx.Done():
		}
	}()
	return w, nil
}

// end ends the watch and drops its objects.
func (w *watch) end() {
	w.cancel()
	w.account.close()
}

// failed notes why it could not list or watch, and returns whether to report that. Objects that were listed once stay.
func (w *watch) failed(err error) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := w.err != nil && w.err.Error() == err.Error()
	w.err = err
	return !known && !cache.IsDone(w.synced)
}

// list returns the objects, or ErrNotSynced with the reason if there is one.
func (w *watch) list() ([]any, error) {
	if err := w.unsynced(); err != nil {
		return nil, err
	}
	return w.informer.GetStore().List(), nil
}

// get returns one object or nil. The error is that of list.
func (w *watch) get(key string) (any, error) {
	if err := w.unsynced(); err != nil {
		return nil, err
	}
	object, _, err := w.informer.GetStore().GetByKey(key)
	if err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	return object, nil
}

func (w *watch) unsynced() error {
	if cache.IsDone(w.synced) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return errors.Join(ErrNotSynced, w.err)
	}
	return ErrNotSynced
}

// listWatchOf lists and watches the objects of a Demand. If the API server cannot select Services by
// their ClusterIP, as that of Kubernetes 1.28, it lists all of them: see Demand.admits.
func listWatchOf(remote client.WithWatch, demand Demand) (*cache.ListWatch, error) {
	options := client.ListOptions{Namespace: demand.Namespace}
	switch {
	case demand.Name != "":
		options.FieldSelector = fields.OneTermEqualSelector("metadata.name", demand.Name)
	case demand.ClusterIP != "":
		options.FieldSelector = fields.OneTermEqualSelector("spec.clusterIP", demand.ClusterIP)
	}
	if demand.Labels != "" {
		selector, err := labels.Parse(demand.Labels)
		if err != nil {
			return nil, fmt.Errorf("watching %s: %w", demand.Kind, err)
		}
		options.LabelSelector = selector
	}
	var listsAll atomic.Bool
	with := func(raw metav1.ListOptions) *client.ListOptions {
		options := options
		options.Raw = &raw
		if listsAll.Load() {
			options.FieldSelector = nil
		}
		return &options
	}
	// isRefused returns whether to try again without the selector.
	isRefused := func(err error) bool {
		return demand.ClusterIP != "" && apierrors.IsBadRequest(err) && listsAll.CompareAndSwap(false, true)
	}
	listObjects := func(ctx context.Context, raw metav1.ListOptions) (runtime.Object, error) {
		_, list := demand.Kind.prototypes()
		return list, remote.List(ctx, list, with(raw))
	}
	watchObjects := func(ctx context.Context, raw metav1.ListOptions) (apiwatch.Interface, error) {
		_, list := demand.Kind.prototypes()
		raw.Watch, raw.AllowWatchBookmarks = true, true
		return remote.Watch(ctx, list, with(raw))
	}
	return &cache.ListWatch{ListWithContextFunc: retried(listObjects, isRefused), WatchFuncWithContext: retried(watchObjects, isRefused)}, nil
}

// retried returns a request that is repeated once if its error says so.
func retried[T any](
	request func(context.Context, metav1.ListOptions) (T, error), again func(error) bool,
) func(context.Context, metav1.ListOptions) (T, error) {
	return func(ctx context.Context, raw metav1.ListOptions) (T, error) {
		result, err := request(ctx, raw)
		if again(err) {
			return request(ctx, raw)
		}
		return result, err
	}
}
