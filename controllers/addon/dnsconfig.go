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
)

// blocksLeft returns the configuration of cluster DNS, and the edits that lead to one without server blocks of ours.
func (r *Reconciler) blocksLeft(ctx context.Context, s *scope, remote client.Client) (dnsconfig.Objects, corefile.Plan, error) {
	config := dnsconfig.Objects{ConfigMaps: map[types.NamespacedName]*unstructured.Unstructured{}}
	var err error
	if config.Memory, err = getCore(ctx, remote, "ConfigMap", xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName); err != nil {
		return config, corefile.Plan{}, err
	}
	if config.Service, err = getCore(ctx, remote, "Service", xccv1.WorkloadNamespace, xccv1.DNSServerName); err != nil {
		return config, corefile.Plan{}, err
	}
	// The servers that dns-config-patcher reports count, too: only blocks of ours are taken out there.
	servers := s.clusterDNS().AddAllReported(dnsconfig.Data(config.Memory)).All(s.pinned())
	for _, name := range corefile.ConfigMapsOf(servers) {
		if config.ConfigMaps[name], err = getCore(ctx, remote, "ConfigMap", name.Namespace, name.Name); err != nil {
			return config, corefile.Plan{}, err
		}
	}
	settings := config.Settings([]string{r.Values.Zone})
	if settings.Written == "" {
		settings.Written = s.secret.Annotations[writtenAnnotation]
	}
	return config, corefile.Uninstall(config.Cluster(servers), settings), nil
}

// getCore returns an object of the core API as it is in the workload cluster, nil if it does not exist.
func getCore(ctx context.Context, remote client.Client, kind, namespace, name string) (*unstructured.Unstructured, error) {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": kind}}
	if err := remote.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object); apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading %s %s/%s: %w", kind, namespace, name, err)
	}
	return object, nil
}

// configMapWriter writes ConfigMaps of a workload cluster. It is a dnsconfig.Writer.
type configMapWriter struct{ remote client.Client }

// Update implements dnsconfig.Writer.
func (w configMapWriter) Update(ctx context.Context, configMap *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	return configMap, w.remote.Update(ctx, configMap)
}

// Delete implements dnsconfig.Writer.
func (w configMapWriter) Delete(ctx context.Context, configMap *unstructured.Unstructured, preconditions metav1.Preconditions) error {
	return w.remote.Delete(ctx, configMap, &client.DeleteOptions{Preconditions: &preconditions})
}
