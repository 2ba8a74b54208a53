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

package records

import (
	"context"
	"fmt"
	"maps"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// maxDue is how many gateways of a consuming cluster may be due one by one, and how many names of
// slices its events may add. Beyond it everything is compared, which costs about as much. So a
// workload cluster that writes ever new slices takes bounded memory.
const maxDue = 1000

// consumer remembers a consuming cluster from one comparison to the next. The mutex of its namespace
// guards it.
type consumer struct {
	// reader is that of the connection. With another connection, everything is compared.
	reader client.Reader
	// last is the consumer as the last comparison saw it.
	last plan.Consumer
	// isAll is true if all gateways are to be compared, otherwise those in due.
	isAll bool
	due   map[plan.Source]struct{}
	// begun is the comparison that was begun last, until it is finished.
	begun *portion
	// renamed are the names of our slices that differ from the names in the plan, such as the names
	// of the 2022 project.
	renamed map[plan.Source]map[string]struct{}
	// noticed counts the names that events have added to renamed since everything was due.
	noticed int
	// hostNames are the gateways whose slices in the cluster have host names.
	hostNames map[plan.Source]struct{}
}

// portion selects the gateways of one comparison: all, or some.
type portion struct {
	edition edition
	isAll   bool
	sources []plan.Source
	// renamed are further names of slices of these gateways.
	renamed []string
	// holdsHostNames is true if the cluster has slices with host names.
	holdsHostNames bool
}

// mark lets gateways be compared the next time.
func (c *consumer) mark(sources ...plan.Source) {
	if c.isAll {
		return
	}
	if c.due == nil {
		c.due = map[plan.Source]struct{}{}
	}
	for _, source := range sources {
		c.due[source] = struct{}{}
	}
	if len(c.due) > maxDue {
		c.markAll()
	}
}

// markAll lets everything be compared the next time, which finds all renamed slices.
func (c *consumer) markAll() {
	c.isAll, c.due, c.renamed, c.noticed = true, nil, nil, 0
}

// notice adds a name from an event.
func (c *consumer) notice(source plan.Source, name string) {
	if _, known := c.renamed[source][name]; known || c.isAll {
		return
	}
	c.addRenamed(source, name)
	if c.noticed++; c.noticed > maxDue {
		c.markAll()
	}
}

// begin moves all that is due into a portion.
func (c *consumer) begin(edition edition) {
	if c.begun != nil { // It was not finished.
		c.isAll = c.isAll || c.begun.isAll
		c.mark(c.begun.sources...)
	}
	c.begun = &portion{edition: edition, isAll: c.isAll, holdsHostNames: len(c.hostNames) > 0}
	if !c.isAll {
		c.begun.sources = slices.Collect(maps.Keys(c.due))
		for source := range c.due {
			c.begun.renamed = slices.AppendSeq(c.begun.renamed, maps.Keys(c.renamed[source]))
		}
	}
	c.isAll, c.due = false, nil
}

func (c *consumer) addRenamed(source plan.Source, name string) {
	if c.renamed == nil {
		c.renamed = map[plan.Source]map[string]struct{}{}
	}
	if c.renamed[source] == nil {
		c.renamed[source] = map[string]struct{}{}
	}
	c.renamed[source][name] = struct{}{}
}

// comparison is a comparison in progress.
type comparison struct {
	portion

	consumer *consumer
	space    *namespace
	names    *names
	zone     string
}

// widen lets everything be compared if the slices of all gateways may differ from those of the last
// comparison: if other dns-servers read them, or if the labels have changed, which decide about
// localities. It returns whether more is compared than before.
func (c *comparison) widen(current plan.Consumer) bool {
	c.space.mu.Lock()
	defer c.space.mu.Unlock()
	former := c.consumer.last
	c.consumer.last = current
	isMoved := !maps.Equal(former.Labels, current.Labels) && len(c.edition.withFailover()) > 0
	if c.isAll || former.Readers == current.Readers && !isMoved {
		return false
	}
	c.isAll, c.consumer.begun.isAll = true, true
	return true
}

// saw remembers the names and placements of the slices in the cluster.
func (c *comparison) saw(held []*discoveryv1.EndpointSlice) {
	c.space.mu.Lock()
	defer c.space.mu.Unlock()
	// A gateway is due if one of its slices has changed since they were read.
	isDue := func(source plan.Source) bool { _, ok := c.consumer.due[source]; return ok }
	if c.isAll {
		maps.DeleteFunc(c.consumer.renamed, func(source plan.Source, _ map[string]struct{}) bool { return !isDue(source) })
		c.consumer.hostNames = nil
	}
	for _, source := range c.sources {
		if !isDue(source) {
			delete(c.consumer.renamed, source)
		}
		delete(c.consumer.hostNames, source)
	}
	for _, slice := range held {
		source, ok := plan.Published(slice, c.zone)
		if !ok || !plan.IsOurs(slice) {
			continue
		}
		if !c.names.isOf(slice.Name, source) {
			c.consumer.addRenamed(source, slice.Name)
		}
		if plan.HoldsHostNames(slice) {
			if c.consumer.hostNames == nil {
				c.consumer.hostNames = map[plan.Source]struct{}{}
			}
			c.consumer.hostNames[source] = struct{}{}
		}
	}
}

// gateways returns the published gateways to compare.
func (c *comparison) gateways() []*plan.Gateway {
	if c.isAll {
		return c.edition.gateways()
	}
	var some []*plan.Gateway
	for _, source := range c.sources {
		if gateway := c.edition.gateway(source); gateway != nil {
			some = append(some, gateway)
		}
	}
	return some
}

// held returns all slices in the cluster that may belong to the gateways that are compared. They are
// those of the cache and must not be changed.
func (c *comparison) held(ctx context.Context, reader client.Reader) ([]*discoveryv1.EndpointSlice, error) {
	if c.isAll {
		list := &discoveryv1.EndpointSliceList{}
		if err := reader.List(ctx, list, client.InNamespace(xccv1.WorkloadNamespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing EndpointSlices: %w", err)
		}
		all := make([]*discoveryv1.EndpointSlice, 0, len(list.Items))
		for i := range list.Items {
			all = append(all, &list.Items[i])
		}
		return all, nil
	}
	names := slices.Clone(c.renamed)
	for _, source := range c.sources {
		names = append(names, plan.SliceNames(source)...)
	}
	slices.Sort(names)
	var some []*discoveryv1.EndpointSlice
	for _, name := range slices.Compact(names) {
		slice := &discoveryv1.EndpointSlice{}
		err := reader.Get(ctx, client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: name}, slice, client.UnsafeDisableDeepCopy)
		switch {
		case err == nil:
			some = append(some, slice)
		case !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("reading EndpointSlice %s: %w", name, err)
		}
	}
	return some, nil
}

// finish ends the comparison. The given gateways are compared again the next time.
func (c *comparison) finish(unsettled []plan.Source) {
	c.space.mu.Lock()
	defer c.space.mu.Unlock()
	c.consumer.begun = nil
	c.consumer.mark(unsettled...)
}
