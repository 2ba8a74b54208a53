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

package gatewaydns

import (
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// maxNamedServices is how many Services of a cluster are watched by name. A watch costs about 100 kB for its connection's
// buffers and its goroutines, as much as 50 Services that are cached, so a few are cheaper than a namespace of unknown size
// and many are not.
const maxNamedServices = 32

// services reads the Services that GatewayDNS name: each by its own watch, or by one for each namespace if they are many.
type services struct {
	reading     *workload.Reading
	byNamespace bool
}

func newServices(reading *workload.Reading, interested []xccv1.GatewayDNS) services {
	return services{reading: reading, byNamespace: namedServices(interested) > maxNamedServices}
}

// namedServices returns how many Services the GatewayDNS name.
func namedServices(interested []xccv1.GatewayDNS) int {
	named := map[client.ObjectKey]bool{}
	for i := range interested {
		if target := resolve.TargetOf(&interested[i].Spec); !target.Gateway {
			named[client.ObjectKey{Namespace: target.Namespace, Name: target.Name}] = true
		}
	}
	return len(named)
}

// get returns the Service of a target, nil if there is none.
func (s services) get(target resolve.Target) (*corev1.Service, error) {
	demand := workload.Demand{Kind: workload.Services, Namespace: target.Namespace, Name: target.Name}
	if s.byNamespace {
		demand.Name = ""
	}
	return workload.Get[*corev1.Service](s.reading, demand, client.ObjectKey{Namespace: target.Namespace, Name: target.Name})
}
