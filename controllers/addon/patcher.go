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
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// patcherName is the name of dns-config-patcher's Deployment and of the ConfigMap with its report.
func patcherName() client.ObjectKey {
	return client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
}

// writtenByPatcher are the objects that dns-config-patcher writes in its own namespace. They carry
// no label.
func writtenByPatcher() []install.Reference {
	return []install.Reference{
		{APIVersion: "v1", Kind: "ConfigMap", Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName},
		{APIVersion: "v1", Kind: "ConfigMap", Namespace: xccv1.WorkloadNamespace, Name: xccv1.ReachabilityName},
		{APIVersion: "coordination.k8s.io/v1", Kind: "Lease", Namespace: xccv1.WorkloadNamespace, Name: xccv1.ProbeLeaseName},
	}
}

// report returns the ConfigMap with the report of dns-config-patcher, nil if there is none.
func (w *workloadCluster) report(ctx context.Context, reader client.Reader) (*corev1.ConfigMap, error) {
	return get(ctx, reader, patcherName(), &corev1.ConfigMap{})
}

// patcher returns the Deployment of dns-config-patcher, nil if there is none.
func (w *workloadCluster) patcher(ctx context.Context) (*appsv1.Deployment, error) {
	return get(ctx, client.Reader(w.live), patcherName(), &appsv1.Deployment{})
}

// restoreWritten gives dns-config-patcher its record of server blocks back. Without it, a block
// that forwards to a former address of the Service looks foreign: the namespace was deleted, and
// the new Service has another address.
func (w *workloadCluster) restoreWritten(ctx context.Context, written string) error {
	reported, err := w.report(ctx, w.live)
	if err != nil || reported == nil || reported.Data[report.KeyWritten] != "" {
		return err
	}
	original := reported.DeepCopy()
	reported.Data = maps.Clone(reported.Data)
	if reported.Data == nil {
		reported.Data = map[string]string{}
	}
	reported.Data[report.KeyWritten] = written
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	if err := w.live.Patch(ctx, reported, patch); err != nil {
		return fmt.Errorf("giving dns-config-patcher back what it wrote: %w", err)
	}
	return nil
}

// createCustom creates the ConfigMap that the Corefile imports. The patcher's report chooses
// neither the name nor the content.
func (w *workloadCluster) createCustom(ctx context.Context) error {
	custom := dnsconfig.NewCustom()
	if err := w.live.Create(ctx, custom); apierrors.IsAlreadyExists(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("creating ConfigMap %s: %w", klog.KObj(custom), err)
	}
	ctrl.LoggerFrom(ctx).Info("Created the ConfigMap that the Corefile imports", "ConfigMap", klog.KObj(custom))
	return nil
}

// askPatcher annotates the patcher's Deployment with the time, which tells how long it has been
// asked.
func (w *workloadCluster) askPatcher(ctx context.Context) error {
	patcher, err := w.patcher(ctx)
	if err != nil || patcher == nil {
		return err
	}
	original := patcher.DeepCopy()
	setAnnotation(patcher, xccv1.RemoveAnnotation, time.Now().UTC().Format(time.RFC3339))
	if err := w.live.Patch(ctx, patcher, client.MergeFrom(original)); err != nil {
		return fmt.Errorf("asking dns-config-patcher to remove the server block: %w", err)
	}
	return nil
}

// deletePatcher deletes the Deployment, so that nothing writes the block again once the manager has
// taken it out.
func (w *workloadCluster) deletePatcher(ctx context.Context) error {
	patcher, err := w.patcher(ctx)
	if err != nil || patcher == nil {
		return err
	}
	ctrl.LoggerFrom(ctx).Info("Deleting dns-config-patcher, which did not take the server block out, to do it ourselves")
	err = w.live.Delete(ctx, patcher, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &patcher.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting Deployment %s: %w", patcherName(), err)
	}
	return nil
}
