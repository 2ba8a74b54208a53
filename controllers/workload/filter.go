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
