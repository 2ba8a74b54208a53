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
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

var (
	service = Reference{"v1", "Service", "xcc-dns", "dns-server"}
	former  = Reference{"v1", "ConfigMap", "xcc-dns", "former"}
	left    = Reference{"apps/v1", "ReplicaSet", "xcc-dns", "left"}
)

// installed is a Cluster with the label whose payload has arrived. The changes make it another one.
func installed(changes ...func(*Observed)) Observed {
	o := Observed{
		State:    State{Payload: "p1", Release: "r1", ReadyPayload: "p1", GivenAt: now.Add(-time.Hour), Written: "block"},
		Labelled: true, Present: true, HasSecret: true, Tried: true, Ready: true,
		Wanted: Payload{Hash: "p1", Release: "r1", Objects: []Reference{service}}, Held: []Reference{service},
		Delivered: true,
		Installed: &Installed{Delivery: Applied, Reported: true, Written: "block", Drift: &Drift{Arrived: true}},
	}
	for _, change := range changes {
		change(&o)
	}
	return o
}

// undelivered is before the payload was given.
func undelivered(o *Observed) { o.Delivered, o.Installed = false, nil }

func anotherPayload(o *Observed) {
	o.Wanted = Payload{Hash: "p2", Release: "r2", Objects: []Reference{service}}
	o.Held = []Reference{service, former}
}

func turn(d Decision) func(*Observed) { return func(o *Observed) { o.Turn = &d } }

func TestADelivery(t *testing.T) {
	t.Parallel()
	refused := Decision{Why: "An update waits for its turn", Wait: 30 * time.Second}
	pinned := corefile.File{Key: "Corefile"}
	pinned.ConfigMap.Namespace, pinned.ConfigMap.Name = "kube-system", "nodelocaldns"
	given := State{
		Payload: "p2", Release: "r2", ReadyPayload: "p1", GivenAt: now, Written: "block", Obsolete: []Reference{former},
	}
	kept := installed().State
	for name, test := range map[string]struct {
		observed Observed
		expected Step
	}{
		"the payload is the same": {installed(undelivered), Step{State: kept, Give: true, Action: Deliver}},
		"a Cluster is new": {
			installed(undelivered, func(o *Observed) { o.HasSecret, o.State, o.Ready, o.Held = false, State{}, false, nil }),
			Step{State: State{Payload: "p1", Release: "r1", GivenAt: now, Obsolete: without(legacyObjects(), nil)}, Give: true, Action: Deliver},
		},
		"another payload needs a turn": {installed(undelivered, anotherPayload), Step{State: kept, Action: AskForTurn}},
		"another payload has its turn": {installed(undelivered, anotherPayload, turn(Decision{May: true})), Step{State: given, Give: true, Action: Deliver}},
		"another payload waits": {
			installed(undelivered, anotherPayload, turn(refused)),
			Step{State: with(kept, func(s *State) { s.Waiting = refused.Why }), Action: Deliver},
		},
		"another payload where DNS does not work": {
			installed(undelivered, anotherPayload, turn(Decision{May: true}), func(o *Observed) { o.Ready = false }),
			Step{State: with(given, func(s *State) { s.ReadyPayload = "" }), Give: true, Action: Deliver},
		},
		"wrong options keep the payload": {
			installed(undelivered, func(o *Observed) { o.OptionsProblem, o.Wanted.Hash = "replicas", "p0" }),
			Step{
				State: with(kept, func(s *State) { s.InvalidOptions = "replicas" }), Action: Deliver,
				Events: []Event{{"Warning", "InvalidOptions", "Install", "replicas"}},
			},
		},
		"wrong options are said once": {
			installed(undelivered, func(o *Observed) { o.OptionsProblem, o.State.InvalidOptions = "replicas", "replicas" }),
			Step{State: with(kept, func(s *State) { s.InvalidOptions = "replicas" }), Action: Deliver},
		},
		"wrong options of a new Cluster": {
			installed(undelivered, func(o *Observed) {
				o.HasSecret, o.State, o.Ready, o.Held, o.OptionsProblem = false, State{}, false, nil, "replicas"
			}),
			Step{
				State: State{Payload: "p1", Release: "r1", GivenAt: now, Obsolete: without(legacyObjects(), nil), InvalidOptions: "replicas"}, Give: true, Action: Deliver,
				Events: []Event{{"Warning", "InvalidOptions", "Install", "replicas"}},
			},
		},
		"the options are right again": {
			installed(undelivered, func(o *Observed) { o.State.InvalidOptions, o.State.Waiting = "x", "y" }), Step{State: kept, Give: true, Action: Deliver},
		},
		"a binding is stale": {
			installed(undelivered, func(o *Observed) { o.StaleBinding = true }), Step{State: kept, Give: true, Again: true, Action: Deliver},
		},
		"a Corefile is pinned": {
			installed(undelivered, func(o *Observed) { o.Pinned = &pinned }),
			Step{State: with(kept, func(s *State) { s.ClusterDNS.Touched = []string{"kube-system/nodelocaldns/Corefile"} }), Give: true, Action: Deliver},
		},
		"a foreign object is in the way": {installed(undelivered, func(o *Observed) { o.Blocked = true }), Step{State: kept, After: 30 * time.Second}},
		"no set can select the Cluster":  {installed(undelivered, func(o *Observed) { o.Unselectable = true }), Step{State: kept}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(Next(test.observed, now)).To(Equal(test.expected))
		})
	}
}

func with(s State, change func(*State)) State {
	change(&s)
	return s
}

func TestTheUpkeepOfAnInstallation(t *testing.T) {
	t.Parallel()
	kept := installed().State
	rest := Step{State: kept, Paced: true}
	drift := func(d Drift) func(*Observed) { return func(o *Observed) { o.Installed.Drift = &d } }
	obsolete := func(o *Observed) { o.State.Obsolete = []Reference{former} }
	unready := func(o *Observed) { o.State.ReadyPayload = "p0" }
	for name, test := range map[string]struct {
		observed Observed
		expected Step
	}{
		"nothing changed":              {installed(), rest},
		"nothing was observed":         {installed(func(o *Observed) { o.Installed = nil }), Step{State: kept, Action: LookAtWorkload}},
		"the cluster cannot be read":   {installed(func(o *Observed) { o.Installed = &Installed{Unread: true} }), rest},
		"an update waits for its turn": {installed(turn(Decision{Wait: time.Second})), Step{State: kept, Paced: true, After: time.Second}},

		"an old Pod is being deleted": {installed(func(o *Observed) { o.Installed.OldPods.Ending = true }), Step{State: kept, Paced: true, Action: ReleaseOldPods}},
		"an old Pod runs": {
			installed(obsolete, func(o *Observed) { o.Installed.OldPods.Exist = true }), Step{State: with(kept, func(s *State) { s.Obsolete = []Reference{former} }), Paced: true, After: time.Second},
		},

		"the patcher wrote another block": {
			installed(func(o *Observed) { o.Installed.Written = "other" }), Step{State: with(kept, func(s *State) { s.Written = "other" }), Paced: true},
		},
		"the patcher wrote too much":     {installed(func(o *Observed) { o.Installed.Written = string(make([]byte, 9000)) }), rest},
		"the patcher lost what it wrote": {installed(func(o *Observed) { o.Installed.Written = "" }), Step{State: kept, Paced: true, Action: RestoreWritten}},
		"the patcher has not reported":   {installed(func(o *Observed) { o.Installed.Reported, o.Installed.Written = false, "" }), rest},
		"another DNS server was found": {
			installed(func(o *Observed) {
				o.Installed.ClusterDNS = clusterdns.State{Touched: []string{"a/b/c"}}
				o.Installed.ClusterDNSProblem, o.Installed.ClusterDNSLook = "Pods ask 10.0.0.1", time.Minute
			}),
			Step{
				State: with(kept, func(s *State) {
					s.ClusterDNS.Touched, s.ClusterDNSProblem = []string{"a/b/c"}, "Pods ask 10.0.0.1"
				}), Paced: true, After: time.Minute,
			},
		},
		"the Corefile imports what is missing": {installed(func(o *Observed) { o.Installed.CustomMissing = true }), Step{State: kept, Paced: true, Action: CreateCustom}},

		"the payload is not delivered":   {installed(drift(Drift{Due: "x"}), func(o *Observed) { o.Installed.Delivery = Pending }), rest},
		"the payload was delivered":      {installed(func(o *Observed) { o.Installed.Drift = nil }), Step{State: kept, Paced: true, Action: LookAtDrift}},
		"the namespace is being deleted": {installed(drift(Drift{NamespaceEnding: true, Due: "x"})), rest},
		"an object differs": {installed(drift(Drift{Due: "Role a is missing"})), Step{
			State: kept, Paced: true, Again: true, Action: Replace,
			Events: []Event{{"Normal", "Repairing", "Repair", "Applying the add-on again in the workload cluster: Role a is missing"}},
		}},
		"a repair leaves ReplicaSets behind": {installed(obsolete, drift(Drift{Due: "x", Orphans: []Reference{left, service}})), Step{
			State: with(kept, func(s *State) { s.Obsolete = []Reference{left, former} }), Paced: true, Again: true, Action: Replace,
			Events: []Event{{"Normal", "Repairing", "Repair", "Applying the add-on again in the workload cluster: x"}},
		}},
		"another writer changes an object": {installed(drift(Drift{Contested: true, ContestedNote: "x"})), Step{
			State: kept, Paced: true, After: time.Minute,
			Events: []Event{{"Warning", "RepairContested", "Repair", "Repairing once a minute only, because another writer keeps changing it in the workload cluster: x"}},
		}},
		"an object could not be compared": {installed(drift(Drift{Unknown: true, Arrived: true}), unready), Step{State: with(kept, func(s *State) { s.ReadyPayload = "p0" }), Paced: true}},
		"the cluster refused the payload": {installed(unready, func(o *Observed) { o.Installed.Delivery = Refused }), Step{State: with(kept, func(s *State) { s.ReadyPayload = "p0" }), Paced: true}},

		"the Pods are not available": {installed(obsolete, drift(Drift{})), Step{State: with(kept, func(s *State) { s.Obsolete = []Reference{former} }), Paced: true}},
		"the Pods are available": {installed(obsolete), Step{
			State: with(kept, func(s *State) { s.Obsolete = []Reference{former} }), Paced: true, Action: DeleteObsolete,
		}},
		"the obsolete objects are gone": {installed(obsolete, func(o *Observed) { o.Installed.ObsoleteGone = true }), rest},
		"DNS is ready":                  {installed(unready), Step{State: with(kept, func(s *State) { s.ReadyPayload = "p0" }), Paced: true, Action: LookAtProbe}},
		"a lookup succeeded":            {installed(unready, func(o *Observed) { o.Installed.Probed = new(true) }), rest},
		"no lookup succeeded yet": {installed(unready, func(o *Observed) { o.Installed.Probed = new(false) }), Step{
			State: with(kept, func(s *State) { s.ReadyPayload = "p0" }), Paced: true, After: 10 * time.Second,
		}},
		"DNS is not ready": {installed(unready, func(o *Observed) { o.Ready = false }), Step{State: with(kept, func(s *State) { s.ReadyPayload = "p0" }), Paced: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(Next(test.observed, now)).To(Equal(test.expected))
		})
	}
}
