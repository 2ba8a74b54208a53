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
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

func TestAGatewayIsCalledUnknownOnlyAfterAWhile(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster, other := client.ObjectKey{Name: "a"}, envoy
	other.Name = "other"
	known := resolve.Result{State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1"}}
	unknown := resolve.Result{State: xccv1.GatewayUnknown, Message: "why"}
	both := func(a, b resolve.Result) Observation {
		return Observation{Results: map[resolve.Target]resolve.Result{envoy: a, other: b}}
	}
	var s silences
	start := time.Unix(1000, 0)
	at := func(after time.Duration, previous, next Observation) (Observation, bool, time.Duration) {
		return s.settle(cluster, previous, next, start.Add(after))
	}

	settled, changed, wait := at(0, both(known, known), both(known, unknown))
	g.Expect(settled).To(Equal(both(known, known)), "what was known is kept")
	g.Expect(changed).To(BeTrue())
	g.Expect(wait).To(Equal(patience))
	settled, _, _ = at(time.Second, Observation{}, both(known, unknown))
	g.Expect(settled.Results).To(Equal(map[resolve.Target]resolve.Result{envoy: known}), "what was never known is left out")
	settled, _, wait = at(patience, both(known, known), both(known, unknown))
	g.Expect(settled).To(Equal(both(known, unknown)))
	g.Expect(wait).To(BeZero())

	t.Log("An answer ends the silence")
	at(patience, both(known, known), both(known, known))
	_, _, wait = at(patience, both(known, known), both(known, unknown))
	g.Expect(wait).To(Equal(patience))

	t.Log("So it is with a whole cluster")
	lost := Observation{Unknown: "not connected"}
	_, changed, wait = at(20*time.Second, both(known, known), lost)
	g.Expect(changed).To(BeFalse())
	g.Expect(wait).To(Equal(patience))
	_, changed, wait = at(20*time.Second+patience, both(known, known), lost)
	g.Expect(changed).To(BeTrue())
	g.Expect(wait).To(BeZero())
}

// Envoy Gateway takes the addresses of a Gateway away for a moment (envoyproxy/gateway#8065), and MetalLB those of a Service.
func TestAGatewayThatHasNoAddressForAMomentKeepsWhatItHad(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster := client.ObjectKey{Name: "a"}
	of := func(result resolve.Result) Observation {
		return Observation{Results: map[resolve.Target]resolve.Result{envoy: result}}
	}
	resolved, none := resolve.Result{State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1"}}, resolve.Result{State: xccv1.GatewayNoAddress}
	var s silences
	start := time.Unix(1000, 0)
	settled, _, wait := s.settle(cluster, Observation{}, of(none), start)
	g.Expect(settled).To(Equal(of(none)), "a gateway that never had an address says so at once")
	g.Expect(wait).To(BeZero())

	for _, began := range []time.Time{start, start.Add(time.Minute)} {
		settled, _, wait = s.settle(cluster, of(resolved), of(none), began)
		g.Expect(settled).To(Equal(of(resolved)))
		g.Expect(wait).To(Equal(hesitation))
		settled, _, wait = s.settle(cluster, settled, of(none), began.Add(hesitation-time.Second))
		g.Expect(settled).To(Equal(of(resolved)))
		g.Expect(wait).To(Equal(time.Second))
		settled, _, wait = s.settle(cluster, settled, of(resolved), began.Add(hesitation))
		g.Expect(settled).To(Equal(of(resolved)), "it is back, and the next loss is another one")
		g.Expect(wait).To(BeZero())
	}
	settled, _, _ = s.settle(cluster, of(resolved), of(none), start)
	settled, _, wait = s.settle(cluster, settled, of(none), start.Add(hesitation))
	g.Expect(settled).To(Equal(of(none)), "it stays away")
	g.Expect(wait).To(BeZero())
	settled, _, _ = s.settle(cluster, of(resolved), of(resolve.Result{State: xccv1.GatewayServiceNotFound}), start)
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
	observations := NewObservations()
	g.Expect(observations.Source().Start(t.Context(), queue)).To(Succeed())
	var first, second xccv1.GatewayDNS
	first.Name, first.Spec.Service = "first", "projectcontour/envoy"
	second.Name, second.Spec.Service = "second", "projectcontour/other"
	other := resolve.TargetOf(&second.Spec)
	set := func(envoyAddress, otherAddress string) []string {
		queue.names = nil
		observations.Set(client.ObjectKey{Name: "a"}, Observation{Answered: true, Results: map[resolve.Target]resolve.Result{
			envoy: {State: xccv1.GatewayResolved, Addresses: []string{envoyAddress}}, other: {State: xccv1.GatewayResolved, Addresses: []string{otherAddress}},
		}}, []xccv1.GatewayDNS{first, second})
		return queue.names
	}
	g.Expect(set("192.0.2.1", "192.0.2.2")).To(ConsistOf("first", "second"))
	g.Expect(set("192.0.2.1", "192.0.2.2")).To(BeEmpty())
	g.Expect(set("192.0.2.1", "192.0.2.3")).To(ConsistOf("second"))
}
