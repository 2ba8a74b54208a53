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

package reach

import (
	"net/netip"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// Target is one address of a gateway that is probed in one way.
type Target struct {
	Namespace string
	Cluster   string
	Address   netip.Addr
	Check     failover.HealthCheck
}

// Usage tells whether a name is asked for.
type Usage struct{}

// Mark notes a query.
func (*Usage) Mark() {}
