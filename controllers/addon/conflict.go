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

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// conflictLook is how soon to look again whether a foreign object is gone. Secrets without the cluster name label are not watched.
const conflictLook = 30 * time.Second

// leaveForeign takes from the scope what has the name of an object of ours and is not ours, so that nothing reads or writes it.
func (s *scope) leaveForeign() {
	name := s.cluster.Namespace + "/" + s.cluster.Name + suffix
	if s.secret != nil && !install.OwnsPayload(s.cluster, s.secret) {
		s.secret = nil
		s.foreign = append(s.foreign, "Secret "+name)
	}
	if s.set != nil && !install.OwnsSet(s.cluster, s.set) {
		// The entry in the binding is that set's.
		s.set, s.binding = nil, nil
		s.foreign = append(s.foreign, "ClusterResourceSet "+name)
	}
}

// reconcileConflict says on the Cluster which foreign objects are in the way, or that none is. It returns whether one is.
func (r *Reconciler) reconcileConflict(ctx context.Context, s *scope) (blocked bool, err error) {
	wanted := ""
	_, labelled := s.cluster.Labels[xccv1.DNSClusterLabel]
	if len(s.foreign) > 0 && (s.cluster.Labels[xccv1.DNSLabel] == xccv1.DNSEnabled || labelled || s.installed()) {
		wanted = "Not created by xcc and in its way: " + strings.Join(s.foreign, " and ") + ". Delete what is named here or give it another name"
	}
	if s.cluster.Annotations[xccv1.ConflictAnnotation] == wanted {
		return wanted != "", nil
	}
	original := s.cluster.DeepCopy()
	setOrDelete(s.cluster, xccv1.ConflictAnnotation, wanted)
	if err := r.Client.Patch(ctx, s.cluster, client.MergeFrom(original)); err != nil {
		return false, fmt.Errorf("saying what is in the way: %w", err)
	}
	return wanted != "", nil
}

// lookAgain is the result of a reconcile that a foreign object blocks.
func lookAgain() reconcile.Result { return reconcile.Result{RequeueAfter: conflictLook} }
