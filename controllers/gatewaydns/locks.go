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

// namespaceLocks are one lock for each namespace. The zero value is ready for use.
type namespaceLocks struct {
	mu         sync.Mutex
	namespaces map[string]*namespaceLock
}

type namespaceLock struct {
	// token is in the channel while the lock is free.
	token chan struct{}
	// users are those who hold the lock or wait for it.
	users int
}

// lock waits for the lock of a namespace. The error is that of the context.
func (l *namespaceLocks) lock(ctx context.Context, namespace string) (unlock func(), err error) {
	current := l.join(namespace)
	select {
	case <-current.token:
		return func() {
			current.token <- struct{}{}
			l.leave(namespace, current)
		}, nil
	case <-ctx.Done():
		l.leave(namespace, current)
		return nil, ctx.Err()
	}
}

func (l *namespaceLocks) join(namespace string) *namespaceLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	current, ok := l.namespaces[namespace]
	if !ok {
		current = &namespaceLock{token: make(chan struct{}, 1)}
		current.token <- struct{}{}
		if l.namespaces == nil {
			l.namespaces = map[string]*namespaceLock{}
		}
		l.namespaces[namespace] = current
	}
	current.users++
	return current
}

func (l *namespaceLocks) leave(namespace string, current *namespaceLock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if current.users--; current.users == 0 {
		delete(l.namespaces, namespace)
	}
}
