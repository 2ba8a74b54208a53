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

package source

import (
	"context"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/metrics"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// minRest is the shortest time between two snapshots. It does not delay a single change.
const minRest = 2 * time.Millisecond

// listRest is the time after the first list at which its memory is garbage.
const listRest = time.Second

// Aliases follow alias targets. See package alias.
type Aliases interface {
	Follow(target string)
	Unfollow(target string)
	// Keep and Release are for the host names behind shared names, which need no queries.
	Keep(target string)
	Release(target string)
	// Peek returns the last answer for a target, nil if there is none.
	Peek(target string, qtype uint16) *alias.Answer
}

// Source keeps the snapshot of a namespace's EndpointSlices up to date.
type Source struct {
	// Client reads EndpointSlices. See NewClient.
	Client rest.Interface
	// Namespace of the EndpointSlices.
	Namespace string
	// Zones are the apexes, canonical and without duplicates.
	Zones []string
	// NameServer are the addresses of the zones' name server, if they are known.
	NameServer []netip.Addr
	// Judge decides which addresses to serve.
	Judge netaddr.Judge
	// Packer encodes records in wire format.
	Packer zone.Packer
	// Aliases follow the targets outside the zones. They call Resolved.
	Aliases Aliases
	// Monitor probes the gateways. It calls Judged.
	Monitor Monitor
	// HasIPv4 is whether the Pod has an IPv4 address.
	HasIPv4 bool
	// Metrics observe snapshots, problems and errors.
	Metrics *metrics.Metrics

	snapshot atomic.Pointer[zone.Snapshot]
	network  atomic.Pointer[network]
	problems problems
	changes  changeLog
}

// Snapshot returns the current snapshot, nil before the first list of the API server.
func (s *Source) Snapshot() *zone.Snapshot { return s.snapshot.Load() }

// Resolved tells that the addresses of a kept host name have changed.
func (s *Source) Resolved(target string) {
	if network := s.network.Load(); network != nil {
		network.resolved(target)
	}
}

// Judged tells that the verdicts of the Monitor on targets have changed.
func (s *Source) Judged(targets []reach.Target) {
	if network := s.network.Load(); network != nil {
		network.judged(targets)
	}
}

// Run watches until the context is done.
func (s *Source) Run(ctx context.Context) {
	s.run(ctx, listWatch(s.Client, s.Namespace, s.Metrics.ObserveWatchError))
}

func (s *Source) run(ctx context.Context, slices cache.ListerWatcher) {
	store := newStore(s.Zones, s.Judge, s.Metrics.ObserveSync)
	s.connect(store.touchGroups)
	reflector := cache.NewReflectorWithOptions(slices, &discoveryv1.EndpointSlice{}, store,
		cache.ReflectorOptions{
			Name: "endpointslices",
			Backoff: &wait.Backoff{
				Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 5, Cap: time.Second,
			},
		})
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { reflector.RunWithContext(ctx) })

	first := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changes.due():
			s.changes.write(s.log(ctx), time.Now())
			continue
		case <-store.changed:
		}
		took := s.apply(ctx, store.take())
		if first {
			// The first list takes several times the memory of its result. Nothing after it takes
			// as much.
			time.AfterFunc(listRest, debug.FreeOSMemory)
			first = false
		}
		// A burst of changes must not take the CPU from the queries.
		pause(ctx, max(minRest, 4*took))
	}
}

// connect lets changes of the network mark groups as changed.
func (s *Source) connect(touch func(groups []string)) {
	s.network.Store(newNetwork(s.Aliases, s.Monitor, s.HasIPv4, touch))
}

// apply makes the snapshot for new versions of some groups of slices, and returns how long it took.
func (s *Source) apply(ctx context.Context, groups map[string]group) time.Duration {
	start := time.Now()
	changed := make([]zone.Record, 0, len(groups))
	found := make(map[string][]records.Problem, len(groups))
	network := s.network.Load()
	for name, group := range groups {
		network.depend(name, group.slices)
		record, problems := records.Merge(name, group.slices, network)
		changed = append(changed, record)
		found[name] = problems
	}
	before := s.snapshot.Load()
	first := before == nil
	if first {
		before = zone.New(zone.Content{Zones: s.Zones, NameServer: s.NameServer, Packer: s.Packer}, start)
	}
	snapshot := before.With(changed, start)
	come, gone := s.targets(before, snapshot, changed)
	// Follow new targets before queries can see the snapshot.
	for _, target := range come {
		s.Aliases.Follow(target)
	}
	s.snapshot.Store(snapshot)
	for _, target := range gone {
		s.Aliases.Unfollow(target)
	}
	served := time.Now()
	took := served.Sub(start)

	log := s.log(ctx)
	switch {
	case first:
		log.Info("Serving the first snapshot", "names", snapshot.Len(), "zones", s.Zones)
		s.Metrics.ObserveSnapshot(snapshot, took)
	case snapshot != before:
		s.Metrics.ObserveSnapshot(snapshot, took)
		for name, group := range groups {
			s.Metrics.ObservePropagation(served.Sub(group.since))
			s.changes.add(name)
		}
		s.changes.write(log, served)
	}
	s.problems.update(log, found)
	s.Metrics.ObserveProblems(s.problems.counts)
	return took
}

func (s *Source) log(ctx context.Context) klog.Logger {
	return klog.LoggerWithValues(klog.FromContext(ctx), "namespace", s.Namespace)
}

// targets returns the alias targets outside our zones that appear and disappear with these records.
func (s *Source) targets(before, after *zone.Snapshot, changed []zone.Record) (come, gone []string) {
	for _, record := range changed {
		was, is := before.Alias(record.Name), after.Alias(record.Name)
		if was == is {
			continue
		}
		if s.isForeign(is) {
			come = append(come, is)
		}
		if s.isForeign(was) {
			gone = append(gone, was)
		}
	}
	return come, gone
}

// isForeign returns whether a target is outside our zones. The empty string is no target.
func (s *Source) isForeign(target string) bool {
	if target == "" {
		return false
	}
	_, ours := zone.Find(s.Zones, target)
	return !ours
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
