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

package gatewaydns

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

func TestAGatewayIsCalledUnknownOnlyAfterAWhile(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	other := envoy
	other.Name = "other"
	known := resolve.Result{State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1"}}
	unknown := resolve.Result{State: xccv1.GatewayUnknown, Message: "why"}
	both := func(a, b resolve.Result) Observation {
		return Observation{Results: map[resolve.Target]resolve.Result{envoy: a, other: b}}
	}
	var d doubts
	start := time.Unix(1000, 0)
	at := func(after time.Duration, previous, next Observation) (Observation, bool, time.Duration) {
		return d.settle(previous, next, start.Add(after))
	}

	settled, changed, wait := at(0, both(known, known), both(known, unknown))
	g.Expect(settled).To(Equal(both(known, known)), "what was known is kept")
	g.Expect(changed).To(BeTrue())
	g.Expect(wait).To(Equal(workload.Patience))
	settled, _, _ = at(time.Second, Observation{}, both(known, unknown))
	g.Expect(settled.Results).To(Equal(map[resolve.Target]resolve.Result{envoy: known}), "what was never known is left out")
	settled, _, wait = at(workload.Patience, both(known, known), both(known, unknown))
	g.Expect(settled).To(Equal(both(known, unknown)))
	g.Expect(wait).To(BeZero())

	t.Log("An answer ends the silence")
	at(workload.Patience, both(known, known), both(known, known))
	_, _, wait = at(workload.Patience, both(known, known), both(known, unknown))
	g.Expect(wait).To(Equal(workload.Patience))

	t.Log("So it is with a whole cluster")
	lost := Observation{Unknown: "not connected", SilentSince: start.Add(20 * time.Second)}
	_, changed, wait = at(20*time.Second, both(known, known), lost)
	g.Expect(changed).To(BeFalse())
	g.Expect(wait).To(Equal(workload.Patience))
	_, changed, wait = at(20*time.Second+workload.Patience, both(known, known), lost)
	g.Expect(changed).To(BeTrue())
	g.Expect(wait).To(BeZero())

	t.Log("After it, each gateway has its time again")
	_, _, wait = at(time.Minute, both(known, known), both(known, unknown))
	g.Expect(wait).To(Equal(workload.Patience))
}

// Envoy Gateway takes the addresses of a Gateway away for a moment (envoyproxy/gateway#8065), and MetalLB those of a Service.
func TestAGatewayThatHasNoAddressForAMomentKeepsWhatItHad(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	of := func(result resolve.Result) Observation {
		return Observation{Results: map[resolve.Target]resolve.Result{envoy: result}}
	}
	resolved, none := resolve.Result{State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1"}}, resolve.Result{State: xccv1.GatewayNoAddress}
	var d doubts
	start := time.Unix(1000, 0)
	settled, _, wait := d.settle(Observation{}, of(none), start)
	g.Expect(settled).To(Equal(of(none)), "a gateway that never had an address says so at once")
	g.Expect(wait).To(BeZero())

	for _, began := range []time.Time{start, start.Add(time.Minute)} {
		settled, _, wait = d.settle(of(resolved), of(none), began)
		g.Expect(settled).To(Equal(of(resolved)))
		g.Expect(wait).To(Equal(withdrawalDelay))
		settled, _, wait = d.settle(settled, of(none), began.Add(withdrawalDelay-time.Second))
		g.Expect(settled).To(Equal(of(resolved)))
		g.Expect(wait).To(Equal(time.Second))
		settled, _, wait = d.settle(settled, of(resolved), began.Add(withdrawalDelay))
		g.Expect(settled).To(Equal(of(resolved)), "it is back, and the next loss is another one")
		g.Expect(wait).To(BeZero())
	}
	settled, _, _ = d.settle(of(resolved), of(none), start)
	settled, _, wait = d.settle(settled, of(none), start.Add(withdrawalDelay))
	g.Expect(settled).To(Equal(of(none)), "it stays away")
	g.Expect(wait).To(BeZero())
	settled, _, _ = d.settle(of(resolved), of(resolve.Result{State: xccv1.GatewayServiceNotFound}), start)
	g.Expect(settled.Results[envoy].State).To(Equal(xccv1.GatewayServiceNotFound), "what is deleted is deleted")
}

// wokenUp is a queue that remembers what was added.
type wokenUp struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]
	names []string
}

func (w *wokenUp) Add(request reconcile.Request) { w.names = append(w.names, request.Name) }

func TestOnlyTheGatewayDNSOfWhatChangedAreWoken(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	queue := &wokenUp{}
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a", UID: "1"}}
	management := &workloadtest.Management{}
	management.Put(cluster)
	observations := NewObservations(workloadtest.New(t, management, nil, workload.DefaultLimits()))
	g.Expect(observations.Source().Start(t.Context(), queue)).To(Succeed())
	var first, second xccv1.GatewayDNS
	first.Name, first.Spec.Service = "first", "projectcontour/envoy"
	second.Name, second.Spec.Service = "second", "projectcontour/other"
	other := resolve.TargetOf(&second.Spec)
	set := func(envoyAddress, otherAddress string) []string {
		queue.names = nil
		observations.Set(t.Context(), cluster, Observation{Answered: true, Results: map[resolve.Target]resolve.Result{
			envoy: {State: xccv1.GatewayResolved, Addresses: []string{envoyAddress}}, other: {State: xccv1.GatewayResolved, Addresses: []string{otherAddress}},
		}}, []xccv1.GatewayDNS{first, second})
		return queue.names
	}
	g.Expect(set("192.0.2.1", "192.0.2.2")).To(ConsistOf("first", "second"))
	g.Expect(set("192.0.2.1", "192.0.2.2")).To(BeEmpty())
	g.Expect(set("192.0.2.1", "192.0.2.3")).To(ConsistOf("second"))

	t.Log("Another Cluster of the name has not been observed yet")
	anew := cluster.DeepCopy()
	anew.UID = "2"
	_, isObserved := observations.Get(anew)
	g.Expect(isObserved).To(BeFalse())
	_, isObserved = observations.Get(cluster)
	g.Expect(isObserved).To(BeTrue())
}
