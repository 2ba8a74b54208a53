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
	"sync"
	"sync/atomic"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/metrics"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

// minRest is the shortest time between two snapshots. A change that comes alone is not delayed by it.
const minRest = 5 * time.Millisecond

// Source keeps the snapshot.
type Source struct {
	// Client reads EndpointSlices. See NewClient.
	Client rest.Interface
	// Namespace of the EndpointSlices.
	Namespace string
	// Zones are the apexes, canonical and without duplicates.
	Zones []string
	// NameServer are the addresses of the zones' name server, if they are known.
	NameServer []netip.Addr
	// Metrics are told of snapshots, ignored slices and errors.
	Metrics *metrics.Metrics

	snapshot atomic.Pointer[zone.Snapshot]
	// problems are those of the last snapshot, so that each is logged once.
	problems map[records.Problem]bool
}

// Snapshot returns what is to be served now, nil before the first list of the API server.
func (s *Source) Snapshot() *zone.Snapshot { return s.snapshot.Load() }

// Run watches until the context is done.
func (s *Source) Run(ctx context.Context) {
	store := newStore(s.Zones)
	reflector := cache.NewReflectorWithOptions(
		listWatch(s.Client, s.Namespace, s.Metrics.ObserveWatchError), &discoveryv1.EndpointSlice{}, store,
		cache.ReflectorOptions{
			Name: "endpointslices",
			Backoff: &wait.Backoff{
				Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 5, Cap: time.Second,
			},
		})
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { reflector.RunWithContext(ctx) })

	for {
		select {
		case <-ctx.Done():
			return
		case <-store.changed:
		}
		took := s.rebuild(ctx, store.content())
		// A burst of changes must not take the processor away from the queries.
		pause(ctx, max(minRest, 4*took))
	}
}

// rebuild makes a snapshot of the slices and returns how long that took.
func (s *Source) rebuild(ctx context.Context, slices []records.Slice) time.Duration {
	start := time.Now()
	merged, problems := records.Merge(slices)
	content := zone.Content{Zones: s.Zones, NameServer: s.NameServer, Records: merged}
	previous := s.snapshot.Load()
	snapshot := zone.NewSnapshot(previous, content, start)
	s.snapshot.Store(snapshot)
	took := time.Since(start)

	if previous == nil {
		klog.FromContext(ctx).Info("Serving the first snapshot", "names", len(merged), "zones", s.Zones)
	}
	s.Metrics.ObserveSnapshot(snapshot, len(merged), took)
	s.reportProblems(ctx, problems)
	return took
}

// reportProblems logs what was not a problem of the snapshot before.
func (s *Source) reportProblems(ctx context.Context, problems []records.Problem) {
	log := klog.FromContext(ctx)
	current := make(map[records.Problem]bool, len(problems))
	for _, problem := range problems {
		if !s.problems[problem] && !current[problem] {
			log.Info("Not serving all of an EndpointSlice", "endpointSlice", klog.KRef(s.Namespace, problem.Slice),
				"reason", problem.Reason, "detail", problem.Detail)
		}
		current[problem] = true
	}
	s.problems = current
	s.Metrics.ObserveProblems(problems)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
