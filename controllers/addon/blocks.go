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

package addon

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// blocks are the edits that take our server blocks out of the configuration of cluster DNS, and the
// objects that they edit.
type blocks struct {
	edits   []corefile.Edit
	objects dnsconfig.Objects
}

// lookAtBlocks looks for server blocks of ours in the configuration of cluster DNS.
func (w *workloadCluster) lookAtBlocks(
	ctx context.Context, zone string, state install.State, pinned *corefile.File,
) (blocks, *install.Blocks, error) {
	objects := dnsconfig.Objects{ConfigMaps: map[types.NamespacedName]*unstructured.Unstructured{}}
	var err error
	if objects.Memory, err = w.readCore(ctx, "ConfigMap", patcherName()); err != nil {
		return blocks{}, nil, err
	}
	if objects.Service, err = w.readCore(ctx, "Service", client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}); err != nil {
		return blocks{}, nil, err
	}
	// The servers that dns-config-patcher reports count, too: only blocks of ours are taken out
	// there.
	servers := state.ClusterDNS.AddAllReported(dnsconfig.Data(objects.Memory)).All(pinned)
	for _, name := range corefile.ConfigMapsOf(servers) {
		if objects.ConfigMaps[name], err = w.readCore(ctx, "ConfigMap", name); err != nil {
			return blocks{}, nil, err
		}
	}
	settings := objects.Settings([]string{zone})
	if settings.Written == "" {
		settings.Written = state.Written
	}
	plan := corefile.Uninstall(objects.Cluster(servers), settings)
	found := &install.Blocks{Left: len(plan.Edits) > 0}
	if plan.Err != nil {
		// Not an error of ours: an administrator has to act.
		found.Problem = plan.Err.Error()
	}
	return blocks{edits: plan.Edits, objects: objects}, found, nil
}

// takeOutBlocks makes the edits, as dns-config-patcher would.
func (w *workloadCluster) takeOutBlocks(ctx context.Context, blocks blocks) error {
	for _, edit := range blocks.edits {
		if err := blocks.objects.Apply(ctx, configMapWriter{w.live}, edit); err != nil {
			return err
		}
	}
	return nil
}

// readCore returns an object of the core API as it is in the workload cluster, nil if it does not
// exist.
func (w *workloadCluster) readCore(ctx context.Context, kind string, name client.ObjectKey) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": kind}}
	if err := w.live.Get(ctx, name, object); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", kind, name, err)
	}
	return object, nil
}

// configMapWriter writes ConfigMaps of a workload cluster. It is a dnsconfig.Writer.
type configMapWriter struct{ live client.Client }

// Update implements dnsconfig.Writer.
func (w configMapWriter) Update(ctx context.Context, configMap *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return configMap, w.live.Update(ctx, configMap)
}

// Delete implements dnsconfig.Writer.
func (w configMapWriter) Delete(ctx context.Context, configMap *unstructured.Unstructured, preconditions metav1.Preconditions) error {
	return w.live.Delete(ctx, configMap, &client.DeleteOptions{Preconditions: &preconditions})
}
