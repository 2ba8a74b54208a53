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
	"errors"
	"fmt"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// act takes the action of a step, and adds its findings to s.observed.
func (r *Reconciler) act(ctx context.Context, s *scope, action install.Action) error {
	switch action {
	case install.None, install.Proceed:
		return nil
	case install.PauseSet:
		return managementCluster{r.Client}.pauseSet(ctx, s)
	case install.AskForTurn:
		turn, err := r.rollout.admit(ctx, s.key(), s.wanted.hash)
		s.observed.Turn = &turn
		return err
	case install.Deliver:
		s.observed.Delivered = true
		return managementCluster{r.Client}.deliver(ctx, s)
	case install.Forget:
		r.histories.Drop(r.Workload.Clusters, s.cluster)
		return managementCluster{r.Client}.forget(ctx, s)
	case install.LookAtWorkload:
		return r.lookAtWorkload(ctx, s)
	}
	if s.observed.Labelled {
		return r.maintain(ctx, s, action)
	}
	return r.remove(ctx, s, action)
}

// lookAtWorkload connects to the workload cluster and observes it.
func (r *Reconciler) lookAtWorkload(ctx context.Context, s *scope) error {
	var err error
	if s.workload, err = connect(ctx, r.Workload, s.cluster); isUnread(err) {
		s.observeUnread(err)
		return nil
	} else if err != nil {
		return err
	}
	if s.observed.Labelled {
		return r.lookAtInstalled(ctx, s)
	}
	s.observed.Removed, err = s.workload.lookAtRemoved(ctx)
	return err
}

// observeUnread observes that the workload cluster cannot be read, and why.
func (s *scope) observeUnread(err error) {
	if s.observed.Labelled {
		s.observed.Installed = &install.Installed{Unread: true}
		return
	}
	why := "Waiting until the workload cluster can be reached; delete its Cluster if it will not come back"
	if silence, ok := errors.AsType[*workload.Silence](err); ok && errors.Is(err, workload.ErrBeyondBudget) {
		why = "Waiting until the workload cluster can be read. " + silence.Why
	}
	s.observed.Removed = &install.Removed{Unread: why}
}

// maintain takes an action in a workload cluster that keeps the add-on.
func (r *Reconciler) maintain(ctx context.Context, s *scope, action install.Action) error {
	installed := s.observed.Installed
	switch action {
	case install.ReleaseOldPods:
		installed.OldPods.Ending = false
		return s.workload.releaseOldPods(ctx)
	case install.RestoreWritten:
		installed.Written = s.observed.State.Written
		return s.workload.restoreWritten(ctx, s.observed.State.Written)
	case install.CreateCustom:
		installed.CustomMissing = false
		return s.workload.createCustom(ctx)
	case install.LookAtDrift:
		return r.lookAtDrift(ctx, s)
	case install.Replace:
		installed.Delivery, installed.Drift = install.Pending, nil
		return s.workload.replace(ctx, s.due)
	case install.DeleteObsolete:
		installed.ObsoleteGone = true
		return s.workload.deleteObsolete(ctx, s.observed.State.Obsolete)
	case install.LookAtProbe:
		probed, err := s.workload.probedWith(ctx, s.deployments)
		installed.Probed = &probed
		return err
	}
	return fmt.Errorf("no action %s for a Cluster with the label", action)
}

// remove takes an action in a workload cluster that loses the add-on. After those on the patcher it
// has to be observed anew.
func (r *Reconciler) remove(ctx context.Context, s *scope, action install.Action) error {
	removed := s.observed.Removed
	var err error
	switch action {
	case install.AskPatcher:
		s.observed.Removed = nil
		return s.workload.askPatcher(ctx)
	case install.DeletePatcher:
		s.observed.Removed = nil
		return s.workload.deletePatcher(ctx)
	case install.LookAtBlocks:
		s.blocks, removed.Blocks, err = s.workload.lookAtBlocks(ctx, r.Values.Zone, s.observed.State, s.observed.Pinned)
		return err
	case install.TakeOutBlocks:
		removed.Blocks = &install.Blocks{}
		return s.workload.takeOutBlocks(ctx, s.blocks)
	case install.MarkDrained:
		return s.workload.markDrained(ctx)
	case install.DeleteObjects:
		removed.Rest, err = s.workload.deleteObjects(ctx, s.inventory(), removed.Namespace != nil)
		return err
	case install.DeleteNamespace:
		return s.workload.deleteNamespace(ctx)
	}
	return fmt.Errorf("no action %s for a Cluster without the label", action)
}
