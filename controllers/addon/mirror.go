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

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

const (
	// writtenAnnotation on a payload Secret is a copy of what dns-config-patcher remembers of the server blocks that it wrote.
	writtenAnnotation = "connectivity.tanzu.vmware.com/written"
	// longestMemory bounds what a workload cluster can put there, in bytes. It is what the patcher's own memory is bounded to.
	longestMemory = report.MaxWritten
)

// reconcileMemory keeps a copy of the patcher's memory, and gives it back when it was lost: somebody deleted the namespace, and
// the new Service has another address. The block that is in the Corefile could not be told from a foreign one any more.
func (r *Reconciler) reconcileMemory(ctx context.Context, s *scope, reader client.Reader, remote client.Client) error {
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
	memory, err := get(ctx, reader, name, &corev1.ConfigMap{})
	if err != nil || memory == nil {
		return err // When the patcher reports, that wakes us.
	}
	written, copied := memory.Data[report.KeyWritten], s.secret.Annotations[writtenAnnotation]
	switch {
	case written == copied || len(written) > longestMemory:
		return nil
	case written != "":
		return r.changeSecretPaced(ctx, s, func(secret *corev1.Secret) error { setAnnotation(secret, writtenAnnotation, written); return nil })
	}
	if len(copied) > longestMemory {
		return nil // A manager of a former release copied it.
	}
	original := memory.DeepCopy()
	memory.Data = map[string]string{report.KeyWritten: copied}
	for key, value := range original.Data {
		if key != report.KeyWritten {
			memory.Data[key] = value
		}
	}
	patch := client.MergeFromWithOptions(original, client.MergeFromWithOptimisticLock{})
	if err := remote.Patch(ctx, memory, patch); err != nil {
		return fmt.Errorf("giving dns-config-patcher back what it remembered: %w", err)
	}
	return nil
}
