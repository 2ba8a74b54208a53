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
	"sync"

	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// EachIncarnationAnew is a filter that makes clustercache give up the connection of a Cluster that was created anew under
// the same name. Without it, one that is created within a second of the deletion of the former inherits the connection to the
// former's API server, because clustercache looks at a Cluster once a second and goes by the name.
//
// The first look at such a Cluster closes what is there, and the next one connects. It comes with the first change of the
// Cluster, at the latest when Cluster API says that the infrastructure is provisioned, before which there is nothing to
// connect to.
//
// It keeps the name and the UID of every Cluster that it ever saw.
func EachIncarnationAnew() clustercache.ClusterFilter {
	var mu sync.Mutex
	known := map[client.ObjectKey]types.UID{}
	return func(cluster *clusterv1.Cluster) bool {
		mu.Lock()
		defer mu.Unlock()
		key := client.ObjectKeyFromObject(cluster)
		former, ok := known[key]
		known[key] = cluster.UID
		return !ok || former == cluster.UID
	}
}
