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

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// arrival waits until each of some clusters has a record with an address.
type arrival struct {
	address string
	done    chan struct{}

	mu      sync.Mutex
	missing map[int]bool
}

func newArrival(address string, clusters []int) *arrival {
	a := &arrival{address: `"` + address + `"`, done: make(chan struct{}), missing: map[int]bool{}}
	for _, number := range clusters {
		a.missing[number] = true
	}
	return a
}

// wrote is told of each record that is written.
func (a *arrival) wrote(number int, text string) {
	if !strings.Contains(text, a.address) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.missing[number] {
		return
	}
	delete(a.missing, number)
	if len(a.missing) == 0 {
		close(a.done)
	}
}

// wait returns an error if the last cluster does not have the record in time.
func (a *arrival) wait(ctx context.Context, most time.Duration) error {
	select {
	case <-a.done:
		return nil
	case <-time.After(most):
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Errorf("%d clusters do not have %s after %s", len(a.missing), a.address, most)
}
