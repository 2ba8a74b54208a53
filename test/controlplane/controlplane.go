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

package controlplane

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// New returns an environment with our builds of etcd and kube-apiserver. The caller starts it. The
// first call on a machine builds the programs, which takes minutes.
func New(ctx context.Context) (*envtest.Environment, error) {
	env := &envtest.Environment{
		// Several servers start concurrently on small machines, with the race detector.
		ControlPlaneStartTimeout: time.Minute,
		ErrorIfCRDPathMissing:    true,
	}
	apiServer := env.ControlPlane.GetAPIServer()
	env.ControlPlane.Etcd = &envtest.Etcd{}
	for name, path := range map[string]*string{
		"kube-apiserver": &apiServer.Path,
		"etcd":           &env.ControlPlane.Etcd.Path,
	} {
		tethered, err := tetheredPath(ctx, name)
		if err != nil {
			return nil, err
		}
		*path = tethered
	}
	kubectl, err := components.Path(ctx, "kubectl")
	if err != nil {
		return nil, fmt.Errorf("getting kubectl: %w", err)
	}
	env.ControlPlane.KubectlPath = kubectl
	return env, nil
}
