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

package gatewaydns

import (
	"context"
	"sync"
)

// turns let one reconcile of a namespace at a time do something. The zero value is ready for use.
type turns struct {
	mu         sync.Mutex
	namespaces map[string]*turn
}

type turn struct {
	// token is in the channel while nobody has the turn.
	token chan struct{}
	// users are those who have the turn or wait for it.
	users int
}

// begin waits for the turn, and returns what ends it. The error is that of the context.
func (t *turns) begin(ctx context.Context, namespace string) (end func(), err error) {
	current := t.join(namespace)
	select {
	case <-current.token:
		return func() {
			current.token <- struct{}{}
			t.leave(namespace, current)
		}, nil
	case <-ctx.Done():
		t.leave(namespace, current)
		return nil, ctx.Err()
	}
}

func (t *turns) join(namespace string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	current, ok := t.namespaces[namespace]
	if !ok {
		current = &turn{token: make(chan struct{}, 1)}
		current.token <- struct{}{}
		if t.namespaces == nil {
			t.namespaces = map[string]*turn{}
		}
		t.namespaces[namespace] = current
	}
	current.users++
	return current
}

func (t *turns) leave(namespace string, current *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if current.users--; current.users == 0 {
		delete(t.namespaces, namespace)
	}
}
