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
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// rollout passes the events of Clusters and Secrets to install.Rollout, and asks it for this
// controller's Clusters. What slots are computed from is in Secrets and conditions, where a restart
// and another leader find it.
type rollout struct {
	// release is the present one.
	release string
	// isOurs returns whether a Cluster belongs to this instance of the manager.
	isOurs func(*clusterv1.Cluster) bool
	// wake leads to a reconcile of Clusters whose turn it may be.
	wake chan event.GenericEvent
	// synced return whether all objects that existed at the start have been observed.
	synced []toolscache.InformerSynced

	mu    sync.Mutex
	fleet *install.Rollout
}

func newRollout(release string, options install.RolloutOptions, isOurs func(*clusterv1.Cluster) bool) *rollout {
	return &rollout{
		release: release, isOurs: isOurs, wake: make(chan event.GenericEvent, options.Concurrency),
		fleet: install.NewRollout(release, options),
	}
}

// watch has the cache tell the rollout about each Cluster and Secret, at the cost of that one
// object. A queue would delay this behind reconciles of slow workload clusters.
func (r *rollout) watch(ctx context.Context, informers cache.Informers) error {
	for _, kind := range []client.Object{&clusterv1.Cluster{}, &corev1.Secret{}} {
		informer, err := informers.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watching %T for rollouts: %w", kind, err)
		}
		registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
			AddFunc:    r.observe,
			UpdateFunc: func(_, object any) { r.observe(object) },
			DeleteFunc: r.observeDeletion,
		})
		if err != nil {
			return fmt.Errorf("watching %T for rollouts: %w", kind, err)
		}
		r.synced = append(r.synced, registration.HasSynced)
	}
	return nil
}

func (r *rollout) observe(object any) {
	switch object := object.(type) {
	case *clusterv1.Cluster:
		r.observeCluster(client.ObjectKeyFromObject(object), r.clusterFacts(object))
	case *corev1.Secret:
		if name, ok := strings.CutSuffix(object.Name, xccv1.PayloadSuffix); ok {
			r.observePayload(client.ObjectKey{Namespace: object.Namespace, Name: name}, payloadFacts(object))
		}
	}
}

func (r *rollout) observeDeletion(object any) {
	if unknown, ok := object.(toolscache.DeletedFinalStateUnknown); ok {
		object = unknown.Obj
	}
	switch object := object.(type) {
	case *clusterv1.Cluster:
		r.observeCluster(client.ObjectKeyFromObject(object), nil)
	case *corev1.Secret:
		if name, ok := strings.CutSuffix(object.Name, xccv1.PayloadSuffix); ok {
			r.observePayload(client.ObjectKey{Namespace: object.Namespace, Name: name}, nil)
		}
	}
}

func (r *rollout) observeCluster(key client.ObjectKey, facts *install.ClusterFacts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fleet.ObserveCluster(key, facts, time.Now()) {
		r.next()
	}
}

func (r *rollout) observePayload(key client.ObjectKey, facts *install.PayloadFacts) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fleet.ObservePayload(key, facts, time.Now()) {
		r.next()
	}
}

// next makes Clusters look again whose turn has come. The lock is held.
func (r *rollout) next() {
	if len(r.wake) == cap(r.wake) {
		return // As many as there are slots are on their way.
	}
	for _, key := range r.fleet.Turns(time.Now()) {
		select {
		case r.wake <- event.GenericEvent{Object: &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}}:
		default:
			return // They look by themselves after a while.
		}
	}
}

// clusterFacts returns nil for a Cluster that has no part in rollouts.
func (r *rollout) clusterFacts(cluster *clusterv1.Cluster) *install.ClusterFacts {
	if !r.isOurs(cluster) || cluster.Labels[xccv1.DNSLabel] != xccv1.DNSEnabled || !cluster.DeletionTimestamp.IsZero() ||
		annotations.IsPaused(cluster, cluster) {
		return nil
	}
	facts := &install.ClusterFacts{Ready: isReady(cluster), Unreachable: isUnreachable(cluster)}
	if condition := conditions.Get(cluster, xccv1.DNSReadyCondition); condition != nil {
		facts.Reason, facts.Since = condition.Reason, condition.LastTransitionTime.Time
		facts.Failed = condition.Status == metav1.ConditionFalse && condition.Reason != xccv1.UpdatingReason && !facts.Ready
	}
	return facts
}

// payloadFacts returns nil for a Secret that is no payload.
func payloadFacts(secret *corev1.Secret) *install.PayloadFacts {
	if secret.Type != addonsv1.ClusterResourceSetSecretType {
		return nil
	}
	state := install.Load(secret)
	if state.Payload == "" {
		return nil
	}
	return &install.PayloadFacts{
		Release: state.Release, Payload: state.Payload, ReadyPayload: state.ReadyPayload, At: state.GivenAt, Held: state.InvalidOptions != "",
	}
}

// admit returns whether the Cluster may be given the payload now.
func (r *rollout) admit(ctx context.Context, cluster client.ObjectKey, hash string) (install.Decision, error) {
	if !toolscache.WaitForCacheSync(ctx.Done(), r.synced...) {
		return install.Decision{}, fmt.Errorf("observing what is being updated: %w", context.Cause(ctx))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fleet.May(cluster, hash, time.Now()), nil
}

// isReady returns whether DNS works in the workload cluster. Options that are wrong keep nothing
// from working.
func isReady(cluster *clusterv1.Cluster) bool {
	condition := conditions.Get(cluster, xccv1.DNSReadyCondition)
	return condition != nil && (condition.Status == metav1.ConditionTrue || condition.Reason == xccv1.InvalidOptionsReason)
}

func isUnreachable(cluster *clusterv1.Cluster) bool {
	return conditions.GetReason(cluster, xccv1.DNSReadyCondition) == xccv1.ClusterUnreachableReason
}
