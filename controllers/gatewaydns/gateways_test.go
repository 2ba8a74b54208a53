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
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/conditions"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

var (
	earlier = metav1.NewTime(time.Unix(500, 0))
	before  = metav1.NewTime(time.Unix(1000, 0))
	now     = metav1.NewTime(time.Unix(2000, 0))
)

var envoy = resolve.Target{Namespace: "projectcontour", Name: "envoy", Type: xccv1.ResolutionTypeLoadBalancer}

// seen is an Observation of a cluster that answered.
func seen(state xccv1.GatewayState, addresses ...string) *Observation {
	result := resolve.Result{State: state, Message: "why", Addresses: addresses}
	if state == xccv1.GatewayResolved {
		result.Ports, result.Source = []xccv1.GatewayPort{{Name: "http", Protocol: "TCP", Port: 80}}, "found"
	}
	return &Observation{Answered: true, Results: map[resolve.Target]resolve.Result{envoy: result}}
}

func TestGateways(t *testing.T) {
	t.Parallel()
	lost := &Observation{Unknown: "Cluster is not connected", UnreachableSince: before.Time, Answered: true}
	never := &Observation{Unknown: "Cluster is not connected", UnreachableSince: before.Time}
	last := xccv1.GatewayStatus{
		Cluster: "a", Hostname: "*.gateway.a.dev.clusters.xcc.test", State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.9"}, LastTransitionTime: before,
		Ports: []xccv1.GatewayPort{{Name: "http", Protocol: "TCP", Port: 80}}, Source: "found",
	}
	for name, test := range map[string]struct {
		last      *xccv1.GatewayStatus
		observed  *Observation
		override  string
		paused    bool
		edited    bool
		state     xccv1.GatewayState
		addresses []string
		message   string
		changed   metav1.Time
		since     *metav1.Time
	}{
		"an address":                 {observed: seen("Resolved", "192.0.2.1"), state: "Resolved", addresses: []string{"192.0.2.1"}, changed: now},
		"the same address as before": {last: &last, observed: seen("Resolved", "192.0.2.9"), state: "Resolved", addresses: []string{"192.0.2.9"}, changed: before},
		"another one than before":    {last: &last, observed: seen("Resolved", "192.0.2.1"), state: "Resolved", addresses: []string{"192.0.2.1"}, changed: now},
		"none":                       {last: &last, observed: seen("NoAddress"), state: "NoAddress", message: "why", changed: now},
		"a Service of another type":  {last: &last, observed: seen("WrongServiceType"), state: "WrongServiceType", message: "why", changed: now},
		"no Service":                 {last: &last, observed: seen("ServiceNotFound"), state: "ServiceNotFound", message: "why", changed: now},
		"one gateway of a cluster that cannot be told": {
			last: &last, observed: seen("Unknown"), state: "Unknown", addresses: []string{"192.0.2.9"}, message: "why", changed: now,
		},
		"an override":                                {last: &last, observed: seen("Resolved", "10.0.0.1"), override: "192.0.2.9", state: "Overridden", addresses: []string{"192.0.2.9"}, message: "replaces the found addresses 10.0.0.1", changed: now},
		"an override that is wrong":                  {last: &last, observed: seen("Resolved", "10.0.0.1"), override: "nonsense", state: "InvalidOverride", addresses: []string{"192.0.2.9"}, message: "nonsense is not", changed: now},
		"an override of a lost cluster":              {last: &last, observed: lost, override: "192.0.2.1", state: "Overridden", addresses: []string{"192.0.2.1"}, changed: now},
		"an override of a Service that is not there": {last: &last, observed: seen("ServiceNotFound"), override: "192.0.2.1", state: "ServiceNotFound", message: "why", changed: now},
		"a cluster that was lost keeps its addresses": {
			last: &last, observed: lost, state: "Unreachable", addresses: []string{"192.0.2.9"}, message: "Cluster is not connected", changed: now, since: &before,
		},
		"a cluster that the manager before this one lost, too": {
			last: &last, observed: never, state: "Unreachable", addresses: []string{"192.0.2.9"}, message: "Cluster is not connected", changed: now, since: &before,
		},
		"a cluster that is still lost": {
			last:     &xccv1.GatewayStatus{Cluster: "a", Hostname: last.Hostname, State: "Unreachable", Addresses: last.Addresses, UnreachableSince: &earlier, LastTransitionTime: earlier},
			observed: lost, state: "Unreachable", addresses: []string{"192.0.2.9"}, message: "Cluster is not connected", changed: earlier, since: &earlier,
		},
		"a cluster that could never be asked has none":                {observed: never, state: "Unknown", message: "not connected", changed: now},
		"a cluster that hangs":                                        {last: &last, observed: &Observation{Unknown: "hangs", Answered: true}, state: "Unknown", addresses: []string{"192.0.2.9"}, message: "hangs", changed: now},
		"a cluster that this process has not asked yet is as it was":  {last: &last, state: "Resolved", addresses: []string{"192.0.2.9"}, changed: before},
		"a new cluster that was not asked yet":                        {state: "Unknown", message: "has not been asked yet", changed: now},
		"a gateway that this process has not listed yet is as it was": {last: &last, observed: &Observation{}, state: "Resolved", addresses: []string{"192.0.2.9"}, changed: before},
		"a cluster that was not asked for this Service yet":           {last: &last, observed: &Observation{}, edited: true, state: "Unknown", addresses: []string{"192.0.2.9"}, message: "asked for Service projectcontour/envoy yet", changed: now},
		"a paused cluster keeps its addresses": {
			last: &last, observed: seen("Resolved", "192.0.2.1"), paused: true, state: "Unknown", addresses: []string{"192.0.2.9"}, message: "paused", changed: now,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev"}, Spec: xccv1.GatewayDNSSpec{Service: "projectcontour/envoy"}}
			if test.edited {
				gatewayDNS.Generation = 1
			}
			if test.last != nil {
				gatewayDNS.Status.Gateways = []xccv1.GatewayStatus{*test.last}
			}
			cluster := clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a"}, Spec: clusterv1.ClusterSpec{Paused: new(test.paused)}}
			if test.override != "" {
				cluster.Annotations = map[string]string{xccv1.GatewayAddressesAnnotation: test.override}
			}
			result := gateways(gatewayDNS, "xcc.test", []clusterv1.Cluster{cluster}, nil, nil, func(*clusterv1.Cluster) (Observation, bool) {
				return ptr.Deref(test.observed, Observation{}), test.observed != nil
			}, now)
			g.Expect(result).To(HaveLen(1))
			g.Expect(result[0].State).To(Equal(test.state))
			g.Expect(result[0].Addresses).To(Equal(test.addresses))
			g.Expect(result[0].Message).To(ContainSubstring(test.message))
			g.Expect(result[0].Hostname).To(Equal("*.gateway.a.dev.clusters.xcc.test"))
			g.Expect(result[0].LastTransitionTime).To(Equal(test.changed))
			g.Expect(result[0].UnreachableSince).To(Equal(test.since))
		})
	}
}

func TestConditionsSumUp(t *testing.T) {
	t.Parallel()
	gateway := func(cluster string, state xccv1.GatewayState) xccv1.GatewayStatus {
		return xccv1.GatewayStatus{Cluster: cluster, State: state, Message: "why"}
	}
	for name, test := range map[string]struct {
		gateways []xccv1.GatewayStatus
		claimErr error
		status   metav1.ConditionStatus
		reason   string
		message  string
	}{
		"all resolved":                  {[]xccv1.GatewayStatus{gateway("a", "Resolved"), gateway("b", "Resolved")}, nil, metav1.ConditionTrue, xccv1.ReadyReason, ""},
		"one unknown":                   {[]xccv1.GatewayStatus{gateway("a", "Resolved"), gateway("b", "Unknown")}, nil, metav1.ConditionUnknown, xccv1.ReadyUnknownReason, "b: Unknown: why"},
		"one unknown, one resolved not": {[]xccv1.GatewayStatus{gateway("a", "NoAddress"), gateway("b", "Unknown")}, nil, metav1.ConditionFalse, xccv1.NotReadyReason, "a: NoAddress: why"},
		"claims that were refused":      {[]xccv1.GatewayStatus{gateway("a", "Resolved")}, errors.New("refused by a policy"), metav1.ConditionFalse, xccv1.NotReadyReason, "NamesClaimed: Annotation connectivity.tanzu.vmware.com/claims cannot be written, so that another GatewayDNS can take the names: refused by a policy"},
		"none selected":                 {nil, nil, metav1.ConditionFalse, xccv1.NotReadyReason, "selects no Cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gatewayDNS := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Generation: 3}, Status: xccv1.GatewayDNSStatus{Gateways: test.gateways}}
			setClustersSelectedCondition(gatewayDNS, len(test.gateways), nil)
			setNamesClaimedCondition(gatewayDNS, 0, test.claimErr)
			setGatewaysResolvedCondition(gatewayDNS, nil)
			g.Expect(setReadyCondition(gatewayDNS)).To(Succeed())
			ready := conditions.Get(gatewayDNS, xccv1.ReadyCondition)
			g.Expect(ready.Status).To(Equal(test.status))
			g.Expect(ready.Reason).To(Equal(test.reason))
			g.Expect(ready.Message).To(ContainSubstring(test.message))
			g.Expect(ready.ObservedGeneration).To(BeEquivalentTo(3))
		})
	}
}

func TestAConditionNamesTheFirstFewGatewaysOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	gatewayDNS := &xccv1.GatewayDNS{}
	for i := range 1000 {
		gatewayDNS.Status.Gateways = append(gatewayDNS.Status.Gateways, xccv1.GatewayStatus{
			Cluster: fmt.Sprintf("cluster-%d", i), State: xccv1.GatewayNoAddress, Message: strings.Repeat("m", 1024),
		})
	}
	setGatewaysResolvedCondition(gatewayDNS, nil)
	message := conditions.GetMessage(gatewayDNS, xccv1.GatewaysResolvedCondition)
	g.Expect(message).To(ContainSubstring("and 997 more"))
	g.Expect(len(message)).To(BeNumerically("<", 32768))
}
