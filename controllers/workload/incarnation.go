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
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Incarnations tell a Cluster from a former one of the same name. clustercache goes by the name and looks at a
// Cluster once a second, so that one which is created within a second of the deletion of the former inherits the
// connection to the former's API server.
//
// They keep the name and the UID of every Cluster that they ever saw.
type Incarnations struct {
	mu    sync.Mutex
	known map[client.ObjectKey]types.UID
}

// NewIncarnations returns Incarnations that have seen nothing.
func NewIncarnations() *Incarnations {
	return &Incarnations{known: map[client.ObjectKey]types.UID{}}
}

// Admit is a clustercache.ClusterFilter that makes clustercache give up the connection of a former incarnation. The
// first look at a Cluster that was created anew closes the former connection, and the next one connects. It comes
// with the first change of the Cluster, at the latest when Cluster API says that the infrastructure is provisioned,
// before which there is nothing to connect to.
func (i *Incarnations) Admit(cluster *clusterv1.Cluster) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	key := client.ObjectKeyFromObject(cluster)
	former, ok := i.known[key]
	i.known[key] = cluster.UID
	return !ok || former == cluster.UID
}

// mayBeConnected returns whether a connection that goes by the Cluster's name cannot be that of a former incarnation.
func (i *Incarnations) mayBeConnected(cluster *clusterv1.Cluster) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	known, ok := i.known[client.ObjectKeyFromObject(cluster)]
	return !ok || known == cluster.UID
}
