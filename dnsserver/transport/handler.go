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

package transport

import "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"

// maxWaiting bounds the waiting queries of a server. Further ones fail at once. Each waiting query
// has a goroutine.
const maxWaiting = 1000

// Handler answers queries. Any number of goroutines may use it.
type Handler interface {
	// Answer appends the response to out. It appends nothing if the query gets no response. If the
	// query's patience is query.NoWait and the response has to wait, Answer returns false and
	// leaves out unchanged.
	Answer(out []byte, q query.Query) (response []byte, done bool)

	// NewPrefetch returns a function that prepares for queries that are about to be answered. Each
	// socket has its own.
	NewPrefetch() func(packets [][]byte)
}

// waiters answers queries that have to wait, each in its own goroutine.
type waiters struct {
	handler Handler
	// slots has an element for each waiting query.
	slots chan struct{}
}

func newWaiters(handler Handler) *waiters {
	return &waiters{handler: handler, slots: make(chan struct{}, maxWaiting)}
}

// start answers the query in a goroutine that run starts. If too many queries wait, it answers with
// a failure at once. The caller must not reuse the packet. The response starts behind the given
// octets of out.
func (w *waiters) start(q query.Query, out []byte, run func(func()), send func(response []byte)) {
	answer := func(patience query.Patience) {
		q.Patience = patience
		response, _ := w.handler.Answer(out, q)
		send(response)
	}
	select {
	case w.slots <- struct{}{}:
		run(func() {
			defer func() { <-w.slots }()
			answer(query.Wait)
		})
	default:
		answer(query.GiveUp)
	}
}
