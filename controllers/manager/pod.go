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

package manager

import (
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/kubeconfig"
)

// Pod is the Pod that the manager runs in. Its zero value is none.
type Pod struct {
	Name types.NamespacedName
	UID  types.UID
}

// TakePod returns the Pod that the environment names, and takes its UID out of the environment: clustercache would look for the
// Pod in every workload cluster, in a way that a hostile one can make endless. See workload.Self.
func TakePod() Pod {
	pod := Pod{
		Name: types.NamespacedName{Namespace: os.Getenv("POD_NAMESPACE"), Name: os.Getenv("POD_NAME")},
		UID:  types.UID(os.Getenv("POD_UID")),
	}
	_ = os.Unsetenv("POD_UID") // It fails for names that are none.
	return pod
}

// self returns how the manager knows the cluster that it runs in, nil if it runs in none.
func (p Pod) self(own *rest.Config) (*workload.Self, error) {
	if p.UID == "" || p.Name.Namespace == "" || p.Name.Name == "" {
		return nil, nil //nolint:nilnil // There is none.
	}
	config := rest.CopyConfig(own)
	if err := rest.LoadTLSFiles(config); err != nil {
		return nil, fmt.Errorf("reading the certificates of the management cluster: %w", err)
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("parsing the address of the management cluster: %w", err)
	}
	return &workload.Self{Pod: p.Name, UID: p.UID, Endpoint: kubeconfig.Endpoint{URL: server, CA: config.CAData}}, nil
}
