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
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// drainingAnnotation on a payload Secret is since when no server block of ours is in the Corefile, during a removal: the time
// at which this was first seen, and after a space what the patcher says of when it took the last one out.
const drainingAnnotation = "connectivity.tanzu.vmware.com/draining-since"

// drain waits until kubelet has brought the Corefile to CoreDNS's Pods and CoreDNS has reloaded it. The time is that of this
// cluster's clock, and begins when we first see that the block is gone. It begins again when a block had to be taken out
// again: the kubeadm control plane may write a Corefile that it read before.
func (r *Reconciler) drain(ctx context.Context, s *scope, remote client.Client) (wait, error) {
	seen, _, _ := strings.Cut(s.secret.Annotations[drainingAnnotation], " ")
	since, err := time.Parse(time.RFC3339, seen)
	if err != nil {
		return wait{}, fmt.Errorf("reading since when the server block is gone: %w", err)
	}
	end := since.Add(r.DrainTime)
	if left := time.Until(end); left > 0 {
		return wait{
			reason: fmt.Sprintf("CoreDNS does not forward the zone any more; until %s the DNS servers answer those of its Pods that have not noticed yet",
				end.UTC().Format(time.RFC3339)),
			after: left,
		}, nil
	}
	// The last look: what comes after the drain leaves nothing behind that would see a block come back.
	_, todo, err := r.blocksLeft(ctx, s, remote)
	if err != nil || len(todo.Edits) == 0 {
		return wait{}, err
	}
	return wait{reason: "A server block of the zone came back to the Corefile", after: ending}, r.stopDraining(ctx, s)
}

// startDraining remembers since when the block is gone, unless that is known and the patcher has not taken out another since.
func (r *Reconciler) startDraining(ctx context.Context, s *scope, removed string) error {
	seen, known, _ := strings.Cut(s.secret.Annotations[drainingAnnotation], " ")
	if _, err := time.Parse(time.RFC3339, seen); err == nil && (removed == known || removed == "") {
		return nil
	}
	now := time.Now().UTC().Format(time.RFC3339)
	return r.changeSecretPaced(ctx, s, func(secret *corev1.Secret) error {
		setAnnotation(secret, drainingAnnotation, strings.TrimSpace(now+" "+removed))
		return nil
	})
}

// stopDraining forgets since when the block is gone, because it is there.
func (r *Reconciler) stopDraining(ctx context.Context, s *scope) error {
	if s.secret.Annotations[drainingAnnotation] == "" {
		return nil
	}
	return r.changeSecretPaced(ctx, s, func(secret *corev1.Secret) error { setOrDelete(secret, drainingAnnotation, ""); return nil })
}

// markDrained has the records controller write no more here, before what it wrote is deleted.
func (r *Reconciler) markDrained(ctx context.Context, _ *scope, remote client.Client) (wait, error) {
	namespace, err := get(ctx, client.Reader(remote), client.ObjectKey{Name: xccv1.WorkloadNamespace}, &corev1.Namespace{})
	if err != nil || namespace == nil || !namespace.DeletionTimestamp.IsZero() || namespace.Annotations[xccv1.DrainedAnnotation] != "" {
		return wait{}, err
	}
	original := namespace.DeepCopy()
	setAnnotation(namespace, xccv1.DrainedAnnotation, "true")
	if err := remote.Patch(ctx, namespace, client.MergeFrom(original)); err != nil {
		return wait{}, fmt.Errorf("marking the namespace as drained: %w", err)
	}
	return wait{reason: "The DNS servers are about to be deleted", after: ending}, nil
}
