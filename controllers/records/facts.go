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

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// facts are read from API servers, not from caches, during one reconcile: from the consuming cluster's if they concern its dns-servers,
// and from the management cluster's otherwise. Each object is read once.
type facts struct {
	reader    client.Reader
	remote    client.Reader
	namespace string
	zone      string
	// compared returns the gateway that the plan was computed from, or nil.
	compared func(plan.Source) *plan.Gateway

	gatewayDNS map[client.ObjectKey]*xccv1.GatewayDNS
	clusters   map[client.ObjectKey]*clusterv1.Cluster
	readers    *plan.Readers
}

// orphaned returns whether there is a positive fact for which a slice may be deleted. A slice that names a GatewayDNS of
// another namespace than the cluster's own is not judged: who edits slices in a workload cluster must not learn from it
// what exists in the namespace of another tenant.
func (f *facts) orphaned(ctx context.Context, slice *discoveryv1.EndpointSlice) (bool, error) {
	source, ok := plan.Published(slice, f.zone)
	if !ok || source.GatewayDNS.Namespace != f.namespace {
		return false, nil
	}
	gatewayDNS, err := read(ctx, f.reader, &f.gatewayDNS, source.GatewayDNS, &xccv1.GatewayDNS{})
	if err != nil {
		return false, err
	}
	var cluster *clusterv1.Cluster
	if gatewayDNS != nil && source.Cluster != "" {
		key := client.ObjectKey{Namespace: f.namespace, Name: source.Cluster}
		if cluster, err = read(ctx, f.reader, &f.clusters, key, &clusterv1.Cluster{}); err != nil {
			return false, err
		}
	}
	judge := func(readers plan.Readers) bool {
		return plan.Orphaned(slice, f.zone, gatewayDNS, cluster, f.compared(source), readers)
	}
	if orphaned := judge(plan.ReadersUnknown); orphaned || !plan.HoldsHostNames(slice) {
		return orphaned, nil
	}
	// Whether it may go depends on who reads host names there.
	if f.readers == nil {
		readers, err := liveReaders(ctx, f.remote)
		if err != nil {
			return false, err
		}
		f.readers = &readers
	}
	return judge(*f.readers), nil
}

// read reads an object unless it was read before, and returns nil when it does not exist.
func read[T client.Object](ctx context.Context, reader client.Reader, known *map[client.ObjectKey]T, key client.ObjectKey, object T) (T, error) {
	if found, ok := (*known)[key]; ok {
		return found, nil
	}
	var none T
	err := reader.Get(ctx, key, object)
	switch {
	case apierrors.IsNotFound(err):
		object = none
	case err != nil:
		return none, fmt.Errorf("reading %T %s: %w", object, key, err)
	}
	if *known == nil {
		*known = map[client.ObjectKey]T{}
	}
	(*known)[key] = object
	return object, nil
}
