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
	"maps"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// patience is how long a cluster may take to connect and to list what is asked for before its gateways are called Unknown
// or Unreachable, so that neither a restart of the manager nor a rotated kubeconfig makes them so for a moment.
const patience = 10 * time.Second

// hesitation is how long a gateway may have no address before what it had is withdrawn. Controllers take all addresses away for a
// moment, when they restart or read their own Service from an outdated cache. It is half of the 10 seconds in which a change is to
// reach the other clusters.
const hesitation = 5 * time.Second

// silence is a cluster that cannot be asked or, with a target, a gateway of which it does not tell.
type silence struct {
	cluster client.ObjectKey
	target  resolve.Target
}

// silences remember since when each silence lasts. They are safe for concurrent use, and their zero value is ready for it.
type silences struct {
	mu sync.Mutex
	// begun is by cluster, so that those of one cluster are no work for another one.
	begun map[client.ObjectKey]map[resolve.Target]time.Time
}

// since returns when a silence began, which is now if it is new.
func (s *silences) since(key silence, now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begun == nil {
		s.begun = map[client.ObjectKey]map[resolve.Target]time.Time{}
	}
	if s.begun[key.cluster] == nil {
		s.begun[key.cluster] = map[resolve.Target]time.Time{}
	}
	if _, ok := s.begun[key.cluster][key.target]; !ok {
		s.begun[key.cluster][key.target] = now
	}
	return s.begun[key.cluster][key.target]
}

// ended forgets the silences of a cluster that do not last any more.
func (s *silences) ended(cluster client.ObjectKey, lasts func(silence) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.begun[cluster]
	maps.DeleteFunc(of, func(target resolve.Target, _ time.Time) bool {
		return !lasts(silence{cluster: cluster, target: target})
	})
	if len(of) == 0 {
		delete(s.begun, cluster)
	}
}

// settle has patience with what is not known in an Observation, and with a gateway that has just lost its last address: what was
// known before is kept for a while. It returns the
// Observation to go on with, false when that is the previous one, and after what time to look again, 0 for never.
func (s *silences) settle(cluster client.ObjectKey, previous, next Observation, now time.Time) (settled Observation, changed bool, wait time.Duration) {
	if next.Unknown != "" {
		s.ended(cluster, func(key silence) bool { return key.target == resolve.Target{} })
		wait = max(0, patience-now.Sub(s.since(silence{cluster: cluster}, now)))
		return next, wait == 0, wait
	}
	silent := func(target resolve.Target) bool { return next.Results[target].State == xccv1.GatewayUnknown }
	vanished := func(target resolve.Target) bool {
		return next.Results[target].State == xccv1.GatewayNoAddress && previous.Results[target].State == xccv1.GatewayResolved
	}
	s.ended(cluster, func(key silence) bool {
		return key.target != resolve.Target{} && (silent(key.target) || vanished(key.target))
	})
	results := maps.Clone(next.Results)
	for target := range next.Results {
		var bears time.Duration
		switch {
		case silent(target):
			bears = patience
		case vanished(target):
			bears = hesitation
		default:
			continue
		}
		left := bears - now.Sub(s.since(silence{cluster: cluster, target: target}, now))
		if left <= 0 {
			continue
		}
		if wait == 0 || left < wait {
			wait = left
		}
		if known, ok := previous.Results[target]; ok {
			results[target] = known
		} else {
			delete(results, target)
		}
	}
	next.Results = results
	return next, true, wait
}
