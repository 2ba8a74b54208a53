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

// Package mapping maps the events of one kind to the requests of the controllers of another.
package mapping

import (
	"context"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// ClusterToRequest maps a Cluster to the request of its own name.
func ClusterToRequest(_ context.Context, cluster client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(cluster)}}
}

// GatewayDNSToClusters maps a GatewayDNS to all Clusters of its namespace: those that it selects, those that it selected
// before, and those that consume what it publishes.
func GatewayDNSToClusters(reader client.Reader) handler.MapFunc {
	return func(ctx context.Context, gatewayDNS client.Object) []reconcile.Request {
		clusters := &clusterv1.ClusterList{}
		if err := reader.List(ctx, clusters, client.InNamespace(gatewayDNS.GetNamespace())); err != nil {
			ctrl.LoggerFrom(ctx).Error(err, "Failed to list Clusters", "GatewayDNS", client.ObjectKeyFromObject(gatewayDNS))
			return nil
		}
		requests := make([]reconcile.Request, 0, len(clusters.Items))
		for i := range clusters.Items {
			requests = append(requests, ClusterToRequest(ctx, &clusters.Items[i])...)
		}
		return requests
	}
}
