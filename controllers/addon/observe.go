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

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// observe reads the management cluster from the cache. It reads the payload from the API server if
// the cache has none although there should be one: the Secret may have lost the label by which the
// cache selects Secrets.
func (r *Reconciler) observe(ctx context.Context, cluster *clusterv1.Cluster, isPaused bool) (*scope, error) {
	s := &scope{cluster: cluster}
	_, hasLabel := cluster.Labels[xccv1.DNSClusterLabel]
	s.observed = install.Observed{
		Labelled: cluster.Labels[xccv1.DNSLabel] == xccv1.DNSEnabled, Paused: isPaused,
		Unselectable: len(validation.IsValidLabelValue(cluster.Name)) > 0,
		Ready:        isReady(cluster), Pinned: install.PinnedCorefile(cluster.Annotations), DrainTime: r.DrainTime,
	}
	name := payloadName(cluster)
	var err error
	if s.set, err = get(ctx, r.Client, name, &addonsv1.ClusterResourceSet{}); err != nil {
		return nil, err
	}
	if s.binding, err = get(ctx, r.Client, client.ObjectKeyFromObject(cluster), &addonsv1.ClusterResourceSetBinding{}); err != nil {
		return nil, err
	}
	if s.secret, err = get(ctx, r.Client, name, &corev1.Secret{}); err != nil {
		return nil, err
	}
	if s.secret == nil && (s.observed.Labelled || hasLabel || s.set != nil) {
		if s.secret, err = get(ctx, client.Reader(r.Uncached), name, &corev1.Secret{}); err != nil {
			return nil, err
		}
	}
	foreign := s.leaveForeign()
	isEnding := !hasLabel && s.secret == nil && s.set != nil && !s.set.DeletionTimestamp.IsZero()
	s.observed.Present = (hasLabel || s.secret != nil || s.set != nil) && !isEnding
	s.observed.Tried = s.entry() != nil && len(s.entry().Resources) > 0
	s.observed.StaleBinding = s.entry() != nil && (s.set == nil || !ownedBy(s.binding, s.set))
	s.observeSecret()
	if s.observed.Paused {
		return s, nil
	}
	s.observed.Blocked, err = managementCluster{r.Client}.reportConflict(ctx, s, foreign)
	if err != nil || s.observed.Blocked {
		return s, err
	}
	return s, r.observeWanted(s)
}

// leaveForeign drops the objects that have the name of ours and are not ours, so that nothing reads
// or writes them. It returns their names.
func (s *scope) leaveForeign() []string {
	name := payloadName(s.cluster).String()
	var foreign []string
	if s.secret != nil && !install.OwnsPayload(s.cluster, s.secret) {
		s.secret = nil
		foreign = append(foreign, "Secret "+name)
	}
	if s.set != nil && !install.OwnsSet(s.cluster, s.set) {
		// The entry in the binding is that set's.
		s.set, s.binding = nil, nil
		foreign = append(foreign, "ClusterResourceSet "+name)
	}
	return foreign
}

// observeWanted computes the payload for the options of the Cluster and the DNS servers that were
// found in the workload cluster. A Cluster with wrong options gets the payload without them if it
// has none.
func (r *Reconciler) observeWanted(s *scope) error {
	s.wanted = r.release
	values := r.Values
	values.ClusterDNS = s.observed.State.ClusterDNS.Choice(s.observed.Pinned)
	if s.observed.Labelled && (install.HasOptions(s.cluster.Annotations) || !values.ClusterDNS.IsZero()) {
		values, problem := install.Options(s.cluster.Annotations, values, r.Bounds)
		s.observed.OptionsProblem = problem
		if problem == "" {
			var err error
			if s.wanted, err = newPayload(values); err != nil {
				return err
			}
		}
	}
	s.observed.Wanted = install.Payload{
		Hash: s.wanted.hash, Release: r.release.hash, Objects: install.References(s.wanted.objects),
	}
	return nil
}
