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

// Package mapping says which events wake a controller, and for which objects.
package mapping

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/secret"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// ClusterToRequest maps a Cluster to the request of its own name.
func ClusterToRequest(_ context.Context, cluster client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(cluster)}}
}

// SeveralClusters lets one event wake a controller for all Clusters of a namespace, as a GatewayDNS does: those that it selects,
// those that it selected before, and those that consume what it publishes.
func SeveralClusters(reader client.Reader) *Several {
	return NewSeveral(func(ctx context.Context, namespace, _ string) ([]string, error) {
		clusters := &clusterv1.ClusterList{}
		if err := reader.List(ctx, clusters, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing Clusters in %s: %w", namespace, err)
		}
		names := make([]string, 0, len(clusters.Items))
		for i := range clusters.Items {
			names = append(names, clusters.Items[i].Name)
		}
		return names, nil
	})
}

// KubeconfigToCluster maps the kubeconfig Secret of a Cluster to the Cluster, and another Secret to nothing.
func KubeconfigToCluster(_ context.Context, object client.Object) []reconcile.Request {
	name, ok := strings.CutSuffix(object.GetName(), kubeconfigSuffix)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: object.GetNamespace(), Name: name}}}
}

// KubeconfigChanged passes the events of kubeconfig Secrets, and not those of a resync.
func KubeconfigChanged() predicate.Predicate {
	return predicate.And(predicate.ResourceVersionChangedPredicate{}, predicate.NewPredicateFuncs(func(object client.Object) bool {
		return strings.HasSuffix(object.GetName(), kubeconfigSuffix)
	}))
}

// ProvisioningChanged passes the updates of a Cluster whose infrastructure was provisioned, before which Cluster API's clustercache
// does not connect to it.
func ProvisioningChanged() predicate.Predicate {
	isProvisioned := func(object client.Object) bool {
		cluster, ok := object.(*clusterv1.Cluster)
		return ok && ptr.Deref(cluster.Status.Initialization.InfrastructureProvisioned, false)
	}
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return isProvisioned(e.ObjectOld) != isProvisioned(e.ObjectNew) }}
}

const kubeconfigSuffix = "-" + string(secret.Kubeconfig)
