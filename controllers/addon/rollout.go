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

package addon

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

const (
	// releaseAnnotation on a payload Secret is the hash of what the manager's flags make of the payload, without the options of
	// the Cluster: a change of these concerns one Cluster and does not wait.
	releaseAnnotation = "connectivity.tanzu.vmware.com/release"
	// readyAnnotation on a payload Secret is the hash of the payload with which DNS was ready in the workload cluster last. It is
	// absent if DNS was not ready when the present payload was given: nothing can be lost there.
	readyAnnotation = "connectivity.tanzu.vmware.com/ready-payload"
	// turn is how soon a Cluster whose update waits looks again, if nothing makes room for it before.
	turn = 30 * time.Second
)

// rollout lets a bounded number of workload clusters at a time be given another release. A cluster whose DNS was ready has a
// place from when it is given the release until DNS is ready with it, and has it again when DNS stops being ready, so that a
// release that breaks clusters breaks no more than there are places. A cluster that cannot be reached has none: that is
// not the release's doing, and it would hold up all others.
//
// What a place is computed from is in Secrets and conditions, where a restart and another leader find it.
type rollout struct {
	reader client.Reader
	// limit is the number of places.
	limit int
	// release is the present one.
	release string
	// isOurs returns whether a Cluster belongs to this instance of the manager.
	isOurs func(*clusterv1.Cluster) bool
	// wake leads to a reconcile of Clusters whose turn it may be.
	wake chan event.GenericEvent

	mu sync.Mutex
	// granted are Clusters that were given a payload, by its hash, which the cache may not show yet.
	granted map[client.ObjectKey]string
	waiting map[client.ObjectKey]bool
}

func newRollout(reader client.Reader, limit int, release string, isOurs func(*clusterv1.Cluster) bool) *rollout {
	return &rollout{
		reader: reader, limit: limit, release: release, isOurs: isOurs, wake: make(chan event.GenericEvent, limit),
		granted: map[client.ObjectKey]string{}, waiting: map[client.ObjectKey]bool{},
	}
}

// admit returns the empty string when the Cluster may be given the payload now, and else why not.
func (r *rollout) admit(ctx context.Context, s *scope, wanted payload) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.secret.Annotations[releaseAnnotation] != r.release {
		places, err := r.places(ctx, s.key())
		if err != nil {
			return "", err
		}
		if len(places) >= r.limit {
			r.waiting[s.key()] = true
			return r.sentence(s.cluster.Namespace, places), nil
		}
	}
	delete(r.waiting, s.key())
	if isReady(s.cluster) {
		r.granted[s.key()] = wanted.hash
	}
	return "", nil
}

// places returns the Clusters that have one, without the one that asks.
func (r *rollout) places(ctx context.Context, without client.ObjectKey) (map[client.ObjectKey]*metav1.Condition, error) {
	clusters, secrets := &clusterv1.ClusterList{}, &corev1.SecretList{}
	for _, list := range []client.ObjectList{clusters, secrets} {
		// They are read only.
		if err := r.reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing what is being updated: %w", err)
		}
	}
	payloads := map[client.ObjectKey]*corev1.Secret{}
	for i := range secrets.Items {
		if secrets.Items[i].Type == addonsv1.ClusterResourceSetSecretType {
			payloads[client.ObjectKeyFromObject(&secrets.Items[i])] = &secrets.Items[i]
		}
	}
	places := map[client.ObjectKey]*metav1.Condition{}
	for i := range clusters.Items {
		cluster := &clusters.Items[i]
		key := client.ObjectKeyFromObject(cluster)
		secret := payloads[client.ObjectKey{Namespace: key.Namespace, Name: key.Name + suffix}]
		if key != without && r.isOurs(cluster) && r.hasPlace(cluster, secret) {
			places[key] = conditions.Get(cluster, xccv1.DNSReadyCondition)
		}
	}
	return places, nil
}

func (r *rollout) hasPlace(cluster *clusterv1.Cluster, secret *corev1.Secret) bool {
	key := client.ObjectKeyFromObject(cluster)
	if secret == nil || cluster.Labels[xccv1.DNSLabel] != xccv1.DNSEnabled || !cluster.DeletionTimestamp.IsZero() || annotations.IsPaused(cluster, cluster) {
		delete(r.granted, key)
		return false
	}
	payload, ready := secret.Annotations[xccv1.PayloadAnnotation], secret.Annotations[readyAnnotation]
	if hash, ok := r.granted[key]; ok && hash != payload {
		return true
	}
	delete(r.granted, key)
	if secret.Annotations[releaseAnnotation] != r.release || ready == "" || isUnreachable(cluster) {
		return false
	}
	return ready != payload || !isReady(cluster)
}

// sentence says why an update waits. It names what is broken, and only Clusters of the same namespace: others are none of a
// tenant's business. It says nothing that changes with each step of a rollout, because it is written to each Cluster.
func (r *rollout) sentence(namespace string, places map[client.ObjectKey]*metav1.Condition) string {
	const most = 3
	var broken []string
	elsewhere := 0
	for _, key := range slices.SortedFunc(maps.Keys(places), compareKeys) {
		condition := places[key]
		switch {
		case condition == nil || condition.Status != metav1.ConditionFalse || condition.Reason == xccv1.UpdatingReason:
		case key.Namespace != namespace || len(broken) == most:
			elsewhere++
		default:
			broken = append(broken, fmt.Sprintf("%s (%s)", key.Name, condition.Reason))
		}
	}
	if elsewhere > 0 {
		broken = append(broken, fmt.Sprintf("%d more", elsewhere))
	}
	text := fmt.Sprintf("An update waits for its turn: %d at a time are given it, and the next when those are ready with it", r.limit)
	if len(broken) > 0 {
		text += "; not ready any more: " + strings.Join(broken, ", ")
	}
	return text
}

// next makes Clusters look again whose turn may have come.
func (r *rollout) next() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range slices.SortedFunc(maps.Keys(r.waiting), compareKeys) {
		select {
		case r.wake <- event.GenericEvent{Object: &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}}:
			delete(r.waiting, key) // It waits again if it has to.
		default:
			return // As many as there are places are on their way.
		}
	}
}

// forget is called for a Cluster that waits no longer.
func (r *rollout) forget(cluster client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.granted, cluster)
	delete(r.waiting, cluster)
}

func compareKeys(a, b client.ObjectKey) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// isReady returns whether DNS works in the workload cluster. Options that are wrong keep nothing from working.
func isReady(cluster *clusterv1.Cluster) bool {
	condition := conditions.Get(cluster, xccv1.DNSReadyCondition)
	return condition != nil && (condition.Status == metav1.ConditionTrue || condition.Reason == xccv1.InvalidOptionsReason)
}

func isUnreachable(cluster *clusterv1.Cluster) bool {
	return conditions.GetReason(cluster, xccv1.DNSReadyCondition) == xccv1.ClusterUnreachableReason
}
