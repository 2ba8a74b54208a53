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
	"fmt"
	"slices"
	"sync"

	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// searchCalls is how many statuses may be tried, without storing them, to find the entry that an API server refuses. One of
// 5,000 entries takes 27 at most.
const searchCalls = 40

// refusals are the entries of status.gateways that the management cluster's API server refused. They are left out of what is
// written until they change, so that the other entries of the same status go on. It is safe for concurrent use.
type refusals struct {
	mu           sync.Mutex
	byGatewayDNS map[client.ObjectKey]map[string]refusal
}

// refusal is a refused entry. If bare is true what was published before was refused as well, and if unsure is true another entry
// may be to blame.
type refusal struct {
	entry        xccv1.GatewayStatus
	why          string
	bare, unsure bool
}

// replace puts fit.Isolated in the place of the entries that were refused and are still the same. A refused entry that has
// changed is forgotten. previous are the entries that the API server has.
func (r *refusals) replace(gatewayDNS client.ObjectKey, entries, previous []xccv1.GatewayStatus, now metav1.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	refused := r.byGatewayDNS[gatewayDNS]
	if len(refused) == 0 {
		return
	}
	still := map[string]refusal{}
	for i := range entries {
		found, ok := refused[entries[i].Cluster]
		if !ok || !sameEntry(found.entry, entries[i]) {
			continue
		}
		still[entries[i].Cluster] = found
		last := entryOf(previous, entries[i].Cluster)
		entries[i] = fit.Isolated(entries[i], last, found.why, found.bare)
		entries[i].LastTransitionTime = now
		if !changed(&last, &entries[i]) {
			entries[i].LastTransitionTime = last.LastTransitionTime
		}
	}
	r.byGatewayDNS[gatewayDNS] = still
}

// note remembers that an entry is refused, and returns whether that is news. refused is the entry that was computed; that of a
// Cluster whose entry was replaced before is known.
func (r *refusals) note(gatewayDNS client.ObjectKey, refused refusal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byGatewayDNS == nil {
		r.byGatewayDNS = map[client.ObjectKey]map[string]refusal{}
	}
	if r.byGatewayDNS[gatewayDNS] == nil {
		r.byGatewayDNS[gatewayDNS] = map[string]refusal{}
	}
	known, ok := r.byGatewayDNS[gatewayDNS][refused.entry.Cluster]
	if ok && !known.unsure {
		if known.bare {
			return false
		}
		refused.entry, refused.bare = known.entry, true
	}
	r.byGatewayDNS[gatewayDNS][refused.entry.Cluster] = refused
	return true
}

// wrote forgets the entries that may not be to blame. They are tried again with the next status.
func (r *refusals) wrote(gatewayDNS client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for cluster, refused := range r.byGatewayDNS[gatewayDNS] {
		if refused.unsure {
			delete(r.byGatewayDNS[gatewayDNS], cluster)
		}
	}
}

// forget drops what is known of a GatewayDNS that is gone.
func (r *refusals) forget(gatewayDNS client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byGatewayDNS, gatewayDNS)
}

// isolate finds out for which entries the API server refused a status, and returns whether the next attempt will be another one.
// original is the GatewayDNS that the API server has, and refusal its error.
func (r *Reconciler) isolate(ctx context.Context, original, gatewayDNS *xccv1.GatewayDNS, refusal error) (learned bool, err error) {
	if !isRefusal(refusal) {
		return false, nil
	}
	found, err := r.blame(ctx, original, gatewayDNS, refusal)
	if err != nil {
		return false, err
	}
	log := ctrl.LoggerFrom(ctx)
	for _, refused := range found {
		if r.refusals.note(client.ObjectKeyFromObject(gatewayDNS), refused) {
			learned = true
			log.Info("API server refuses a gateway in the status, it stays as it was", "cluster", refused.entry.Cluster, "reason", fit.Message(refused.why))
		}
	}
	return learned, nil
}

// isRefusal returns whether an API server, or an admission policy of it, refuses what an object holds.
func isRefusal(err error) bool { return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) }

// blame returns the entries that the API server names or, if it names none, those without which it would take the status.
func (r *Reconciler) blame(ctx context.Context, original, gatewayDNS *xccv1.GatewayDNS, reason error) ([]refusal, error) {
	entries := gatewayDNS.Status.Gateways
	var found []refusal
	for index, why := range fit.Refused(reason) {
		if index < len(entries) {
			found = append(found, refusal{entry: entries[index], why: why})
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	var differing, all []int
	for i := range entries {
		all = append(all, i)
		if !sameEntry(entries[i], entryOf(original.Status.Gateways, entries[i].Cluster)) {
			differing = append(differing, i)
		}
	}
	for _, attempt := range []struct {
		suspects []int
		bare     bool
	}{{differing, false}, {all, true}} {
		blamed, unsure, ok, err := fit.Search(attempt.suspects, searchCalls, func(without []int) (bool, error) {
			return r.accepts(ctx, original, gatewayDNS, without, attempt.bare)
		})
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		for _, index := range slices.Concat(blamed, unsure) {
			found = append(found, refusal{
				entry: entries[index], why: reason.Error(), bare: attempt.bare, unsure: !slices.Contains(blamed, index),
			})
		}
		return found, nil
	}
	return nil, nil
}

// accepts asks the API server, without storing anything, whether it takes the status with some of its entries replaced.
func (r *Reconciler) accepts(ctx context.Context, original, gatewayDNS *xccv1.GatewayDNS, without []int, bare bool) (bool, error) {
	attempt := gatewayDNS.DeepCopy()
	for _, index := range without {
		entry := &attempt.Status.Gateways[index]
		transition := entry.LastTransitionTime
		*entry = fit.Isolated(*entry, entryOf(original.Status.Gateways, entry.Cluster), "", bare)
		entry.LastTransitionTime = transition
	}
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	err := r.Client.Status().Patch(ctx, attempt, patch, client.DryRunAll)
	switch {
	case isRefusal(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("trying a status: %w", err)
	}
	return true, nil
}

// entryOf returns the entry of a Cluster, empty if there is none.
func entryOf(entries []xccv1.GatewayStatus, cluster string) xccv1.GatewayStatus {
	if i := slices.IndexFunc(entries, func(entry xccv1.GatewayStatus) bool { return entry.Cluster == cluster }); i >= 0 {
		return entries[i]
	}
	return xccv1.GatewayStatus{}
}

// sameEntry returns whether two entries say the same, whenever that began.
func sameEntry(a, b xccv1.GatewayStatus) bool {
	a.LastTransitionTime, b.LastTransitionTime = metav1.Time{}, metav1.Time{}
	a.UnreachableSince, b.UnreachableSince = nil, nil
	return apiequality.Semantic.DeepEqual(a, b)
}
