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
	"encoding/base64"
	"fmt"
	"os"
)

// workloadManifest is a Cluster with an initialized control plane.
const workloadManifest = `
apiVersion: v1
kind: Namespace
metadata:
  name: %[1]s
---
apiVersion: v1
kind: Secret
metadata:
  namespace: %[1]s
  name: %[2]s-kubeconfig
  labels:
    cluster.x-k8s.io/cluster-name: %[2]s
type: cluster.x-k8s.io/secret
data:
  value: %[4]s
---
apiVersion: rig.xcc.test/v1alpha1
kind: ExistingControlPlane
metadata:
  namespace: %[1]s
  name: %[2]s
status:
  initialization:
    controlPlaneInitialized: true
---
apiVersion: cluster.x-k8s.io/v1beta2
kind: Cluster
metadata:
  namespace: %[1]s
  name: %[2]s
spec:
  controlPlaneEndpoint:
    host: %[3]s
    port: 6443
  controlPlaneRef:
    apiGroup: rig.xcc.test
    kind: ExistingControlPlane
    name: %[2]s
`

// AddCluster creates the Cluster, its control plane object and its kubeconfig Secret for a workload
// cluster. It waits until Cluster API is connected to it.
func (m *Management) AddCluster(ctx context.Context, namespace, name string, workload *Cluster) error {
	kubeconfig, err := os.ReadFile(workload.KubeconfigPath)
	if err != nil {
		return fmt.Errorf("reading the kubeconfig of cluster %s: %w", workload.Name, err)
	}
	manifest := fmt.Sprintf(workloadManifest, namespace, name, workload.Address, base64.StdEncoding.EncodeToString(kubeconfig))
	if err := m.Apply(ctx, manifest); err != nil {
		return fmt.Errorf("adding Cluster %s/%s: %w", namespace, name, err)
	}
	_, err = m.Kubectl(ctx, "wait", "--for=condition=RemoteConnectionProbe", "--timeout=60s",
		"--namespace="+namespace, "cluster.cluster.x-k8s.io/"+name)
	if err != nil {
		return fmt.Errorf("connecting Cluster %s/%s: %w", namespace, name, err)
	}
	return nil
}
