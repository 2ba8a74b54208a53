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
	"sigs.k8s.io/cluster-api/controllers/clustercache"
)

// ErrFormerCluster says that a connection is that of a former Cluster of the same name, which is about to be closed.
// It is a clustercache.ErrClusterNotConnected.
var ErrFormerCluster = fmt.Errorf("%w: the connection is that of a former Cluster of this name", clustercache.ErrClusterNotConnected)

// Admit is a clustercache.ClusterFilter. clustercache goes by the name of a Cluster and looks at it once a second, so a Cluster
// that is created within a second of the deletion of the former one inherits the connection to the former's API server.
//
// If there is a connection at the first look at a Cluster, it is that of the former one: Admit makes clustercache give it up. The
// next look connects. It comes with the first change of the Cluster, at the latest when Cluster API says that the infrastructure
// is provisioned, before which there is nothing to connect to.
func (c *Clusters) Admit(cluster *clusterv1.Cluster) bool {
	ctx := context.Background() // Everything is in memory.
	current := c.entry(ctx, cluster)
	_, err := c.cache.GetRESTConfig(ctx, current.key)
	current.mu.Lock()
	defer current.mu.Unlock()
	if err == nil && !current.isAdmitted && !current.wasRefused {
		current.wasRefused = true
		return false
	}
	current.isAdmitted = true
	return true
}
