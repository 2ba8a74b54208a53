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

package install

import (
	"slices"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
)

// nextDelivery decides the contents of the payload Secret of a labelled Cluster.
func nextDelivery(o Observed, now time.Time) Step {
	keeps := o.OptionsProblem != "" && o.HasSecret
	changes := o.State.Payload != o.Wanted.Hash
	if o.HasSecret && !keeps && changes && o.Turn == nil {
		return Step{State: o.State, Action: AskForTurn}
	}
	step := Step{State: o.State, Action: Deliver, Again: o.StaleBinding}
	s := &step.State
	if o.OptionsProblem != "" && s.InvalidOptions != o.OptionsProblem {
		step.Events = append(step.Events, warning("InvalidOptions", "Install", o.OptionsProblem))
	}
	s.InvalidOptions, s.Waiting = o.OptionsProblem, ""
	if s.Removal != nil {
		// The label came back in the middle of a removal.
		s.Removal, step.Again = nil, true
		step.Events = append(step.Events, normal("RemovalCancelled", "Install", "The label is back: the add-on stays"))
	}
	if o.Turn != nil && !o.Turn.May {
		s.Waiting = o.Turn.Why
		return step
	}
	if keeps {
		return step
	}
	step.Give = true
	if o.Pinned != nil {
		s.ClusterDNS = s.ClusterDNS.AddTouched(*o.Pinned)
	}
	if changes {
		// Only where DNS works can the new payload break anything.
		s.ReadyPayload = ""
		if o.Ready {
			s.ReadyPayload = s.Payload
		}
		s.GivenAt = now
	}
	s.Payload, s.Release = o.Wanted.Hash, o.Wanted.Release
	s.Obsolete = o.obsolete()
	return step
}

// obsolete returns the objects to delete once the wanted payload has arrived: those already due,
// those of the former payload, and on a first installation those of the 2022 project.
func (o Observed) obsolete() []Reference {
	all := slices.Concat(o.State.Obsolete, o.Held)
	if !o.HasSecret {
		all = append(all, legacyObjects()...)
	}
	return without(all, o.Wanted.Objects)
}

func legacyObjects() []Reference {
	var all []Reference
	for _, object := range legacy.Objects() {
		all = append(all, Reference(object))
	}
	return all
}

// AwaitsLegacy returns whether the workload cluster may still have Pods of the 2022 project's DNS
// server: its objects have not been deleted yet.
func (s State) AwaitsLegacy() bool {
	return slices.ContainsFunc(legacyObjects(), func(r Reference) bool { return Contains(s.Obsolete, r) })
}
