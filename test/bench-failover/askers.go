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
	"sync"
	"time"

	"github.com/miekg/dns"
)

// pollRest is the time between two queries for a name.
const pollRest = 20 * time.Millisecond

// asker asks for the shared name of one gateway all the time.
type asker struct {
	name, primary string

	mu sync.Mutex
	// isPrimary is true if the last answer was the primary gateway.
	isPrimary bool
	// lastPrimary and firstPrimary are the times of the last answer with the primary gateway, and of
	// the first one since the last other answer.
	lastPrimary, firstPrimary time.Time
	// changes is the number of answers that differ from the one before.
	changes int
	// failed counts queries without an address in the answer.
	failed int
}

// askers are the askers of all gateways of a kind.
type askers struct {
	all     []*asker
	cancel  context.CancelFunc
	running sync.WaitGroup
}

func newAskers(ctx context.Context, of *kind, count int) *askers {
	ctx, cancel := context.WithCancel(ctx)
	c := &askers{cancel: cancel}
	for i, primary := range of.primaries(count) {
		one := &asker{name: "a.shop." + of.namespace(i) + ".gateways." + zone + ".", primary: primary}
		c.all = append(c.all, one)
		c.running.Go(func() { one.run(ctx) })
	}
	return c
}

func (c *askers) stop() {
	c.cancel()
	c.running.Wait()
}

func (c *asker) run(ctx context.Context) {
	ticker := time.NewTicker(pollRest)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.ask(ctx)
		}
	}
}

func (c *asker) ask(ctx context.Context) {
	query := new(dns.Msg).SetQuestion(c.name, dns.TypeA)
	asked := time.Now()
	response, _, err := (&dns.Client{Timeout: 2 * time.Second}).ExchangeContext(ctx, query, dnsAddress)
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || len(response.Answer) != 1 {
		c.failed++
		return
	}
	record, isA := response.Answer[0].(*dns.A)
	if !isA {
		c.failed++
		return
	}
	isPrimary := record.A.String() == c.primary
	if isPrimary != c.isPrimary {
		c.changes++
	}
	if isPrimary && !c.isPrimary {
		c.firstPrimary = asked
	}
	if isPrimary {
		c.lastPrimary = asked
	}
	c.isPrimary = isPrimary
}

// waitFor waits until all answers are the primary gateways, or none of them is.
func (c *askers) waitFor(ctx context.Context, primary bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		isDone := true
		for _, one := range c.all {
			one.mu.Lock()
			isDone = isDone && one.isPrimary == primary
			one.mu.Unlock()
		}
		if isDone {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pollRest):
		}
	}
}

// sum adds up a number of all askers.
func (c *askers) sum(of func(*asker) int) int {
	total := 0
	for _, one := range c.all {
		one.mu.Lock()
		total += of(one)
		one.mu.Unlock()
	}
	return total
}

// since returns the times of all askers after a moment.
func (c *askers) since(moment time.Time, of func(*asker) time.Time) []time.Duration {
	var all []time.Duration
	for _, one := range c.all {
		one.mu.Lock()
		all = append(all, of(one).Sub(moment))
		one.mu.Unlock()
	}
	return all
}
