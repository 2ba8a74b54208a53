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

package rig

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// InstallGatewayAPI creates the CRDs of the Gateway API's module and waits until they are served.
// There is no controller.
func (c *Cluster) InstallGatewayAPI(ctx context.Context) error {
	source, err := components.SourceDir(ctx, "gateway-api")
	if err != nil {
		return err
	}
	_, err = c.Kubectl(ctx, "apply", "--server-side", "--kustomize="+filepath.Join(source, "config", "crd"))
	if err != nil {
		return fmt.Errorf("installing the Gateway API: %w", err)
	}
	_, err = c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout=60s", "crd/gateways.gateway.networking.k8s.io")
	return err
}
