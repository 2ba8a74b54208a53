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
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

// pageSize is how many objects one response of a list may have: 200 nodes with 50 images each are 3 MB.
const pageSize = 200

// maxPages ends a list whose pages never do. So many pages hold as many objects as may be cached.
const maxPages = 250

// boundedListerWatcher lists in pages, and trims and counts objects before they are cached. If it has a namespace or
// a name, it drops all other objects that the API server sends.
type boundedListerWatcher struct {
	next            toolscache.ListerWatcher
	account         *account
	lane            *lane
	trim            func(any) (any, error)
	namespace, name string
}

var _ toolscache.ListerWatcherWithContext = &boundedListerWatcher{}

func (b *boundedListerWatcher) List(options metav1.ListOptions) (runtime.Object, error) {
	return b.ListWithContext(context.Background(), options)
}

func (b *boundedListerWatcher) Watch(options metav1.ListOptions) (apiwatch.Interface, error) {
	return b.WatchWithContext(context.Background(), options)
}

// ListWithContext lists all pages. Each is trimmed before the next one is read.
func (b *boundedListerWatcher) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	b.account.endList()
	// An API server sends pages only of its latest version.
	options.ResourceVersion, options.ResourceVersionMatch, options.Limit = "", "", pageSize
	var items []runtime.Object
	for range maxPages {
		if err := b.lane.wait(ctx); err != nil {
			return nil, err
		}
		list, err := toolscache.ToListerWatcherWithContext(b.next).ListWithContext(ctx, options)
		if err != nil {
			return nil, remote.Safe(err)
		}
		if items, err = b.take(items, list); err != nil {
			return nil, err
		}
		page, err := meta.ListAccessor(list)
		if err != nil {
			return nil, fmt.Errorf("reading a list: %w", err)
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			// Without this, the last page would keep the text of all its objects.
			if err := meta.SetList(list, items); err != nil {
				return nil, fmt.Errorf("joining the pages of a list: %w", err)
			}
			return list, nil
		}
	}
	return nil, b.account.budget.end(exceeded(fmt.Sprintf("more than %d pages in a list", maxPages)))
}

// take appends the objects of a page.
func (b *boundedListerWatcher) take(items []runtime.Object, list runtime.Object) ([]runtime.Object, error) {
	err := meta.EachListItem(list, func(object runtime.Object) error {
		trimmed, ok, err := b.accept(object)
		if err != nil || !ok {
			return err
		}
		items = append(items, trimmed)
		return b.account.list(sizeOf(trimmed))
	})
	return items, err
}

// accept returns the trimmed object, or false if it is not asked for.
func (b *boundedListerWatcher) accept(object runtime.Object) (runtime.Object, bool, error) {
	identity, err := meta.Accessor(object)
	if err != nil {
		return nil, false, fmt.Errorf("reading an object: %w", err)
	}
	if b.namespace != "" && identity.GetNamespace() != b.namespace || b.name != "" && identity.GetName() != b.name {
		return nil, false, b.account.budget.addForeign()
	}
	trimmed, err := b.trim(object)
	if err != nil {
		return nil, false, err
	}
	if trimmed, ok := trimmed.(runtime.Object); ok {
		return trimmed, true, nil
	}
	return nil, false, fmt.Errorf("trimming made %T of an object", trimmed)
}

// WatchWithContext watches. If the watch begins with all objects, it counts those as a list.
func (b *boundedListerWatcher) WatchWithContext(ctx context.Context, options metav1.ListOptions) (apiwatch.Interface, error) {
	b.account.endList()
	watch, err := toolscache.ToListerWatcherWithContext(b.next).WatchWithContext(ctx, options)
	if err != nil {
		return nil, remote.Safe(err)
	}
	listing := options.SendInitialEvents != nil && *options.SendInitialEvents
	return filtered(watch, func(event *apiwatch.Event) bool {
		switch {
		case event.Object == nil:
			return true
		case event.Type == apiwatch.Error:
			event.Object = safeStatus(event.Object)
			return true
		case event.Type == apiwatch.Bookmark:
			if identity, err := meta.Accessor(event.Object); err == nil && identity.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true" {
				listing = false
			}
			return true
		}
		trimmed, ok, err := b.accept(event.Object)
		if err != nil || !ok {
			return false
		}
		event.Object = trimmed
		if listing {
			return b.account.list(sizeOf(trimmed)) == nil // The connection ends if it is too much.
		}
		b.account.endList()
		return true
	}), nil
}

// safeStatus returns a Status with the public part of the error with which an API server ends a watch.
func safeStatus(object runtime.Object) runtime.Object {
	status, ok := object.(*metav1.Status)
	if !ok {
		return &metav1.Status{Status: metav1.StatusFailure, Message: "API server ended the watch with something that is not a Kubernetes Status"}
	}
	return &metav1.Status{
		Status: metav1.StatusFailure, Code: status.Code, Reason: metav1.StatusReason(remote.Shorten(string(status.Reason))),
		Message: remote.Describe(&apierrors.StatusError{ErrStatus: *status}),
	}
}

// filteredWatch passes the events of another watch for which a function returns true, and which it may change.
type filteredWatch struct {
	apiwatch.Interface
	events  chan apiwatch.Event
	stopped chan struct{}
	stop    sync.Once
}

func filtered(next apiwatch.Interface, pass func(*apiwatch.Event) bool) apiwatch.Interface {
	w := &filteredWatch{Interface: next, events: make(chan apiwatch.Event), stopped: make(chan struct{})}
	go func() {
		defer close(w.events)
		for event := range next.ResultChan() {
			if !pass(&event) {
				continue
			}
			select {
			case w.events <- event:
			case <-w.stopped:
				return
			}
		}
	}()
	return w
}

func (w *filteredWatch) ResultChan() <-chan apiwatch.Event { return w.events }

func (w *filteredWatch) Stop() {
	w.stop.Do(func() { close(w.stopped) })
	w.Interface.Stop()
}

// handler counts the objects that are in a cache.
func (a *account) handler() toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(object any) { _ = a.add(sizeOf(object), 1) }, // The connection ends if it is too much.
		UpdateFunc: func(before, after any) {
			_ = a.add(sizeOf(after)-sizeOf(before), 0)
		},
		DeleteFunc: func(object any) {
			if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
				object = unknown.Obj
			}
			_ = a.add(-sizeOf(object), -1)
		},
	}
}
