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

package workload

import (
	"context"
	"fmt"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// WatchFilter is the value of Cluster API's label cluster.x-k8s.io/watch-filter on the objects that belong to this instance of
// the manager. If it is empty, all objects do.
type WatchFilter string

// Admits returns whether a Cluster or a GatewayDNS belongs to this instance.
func (f WatchFilter) Admits(object client.Object) bool {
	return f == "" || labels.HasWatchLabel(object, string(f))
}

// Clusters returns the names of the Clusters of a namespace that belong to this instance and are not being deleted. The reader
// should be the manager's cache.
func (f WatchFilter) Clusters(ctx context.Context, reader client.Reader, namespace string) ([]string, error) {
	list := &clusterv1.ClusterList{}
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Clusters in %s: %w", namespace, err)
	}
	var names []string
	for i := range list.Items {
		if cluster := &list.Items[i]; f.Admits(cluster) && cluster.DeletionTimestamp.IsZero() {
			names = append(names, cluster.Name)
		}
	}
	return names, nil
}
