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

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/event"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

func TestAWriteOfTheConsumersWakesNobody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*xccv1.GatewayDNS)
		wakes  bool
	}{
		"status.consumers": {func(g *xccv1.GatewayDNS) { g.Status.Consumers = &xccv1.ConsumersStatus{Total: new(int32(1))} }, false},
		"their condition": {func(g *xccv1.GatewayDNS) {
			conditions.Set(g, metav1.Condition{Type: xccv1.ConsumersCurrentCondition, Status: metav1.ConditionTrue, Reason: "Other"})
		}, false},
		"status.reachability": {func(g *xccv1.GatewayDNS) { g.Status.Reachability = &xccv1.ReachabilityStatus{Consumers: new(int32(1))} }, false},
		"its condition": {func(g *xccv1.GatewayDNS) {
			conditions.Set(g, metav1.Condition{Type: xccv1.GatewaysReachableCondition, Status: metav1.ConditionTrue, Reason: "Other"})
		}, false},
		"managed fields": {func(g *xccv1.GatewayDNS) { g.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "other"}} }, false},
		"another condition": {func(g *xccv1.GatewayDNS) {
			conditions.Set(g, metav1.Condition{Type: xccv1.ReadyCondition, Status: metav1.ConditionTrue, Reason: "Other"})
		}, true},
		"a gateway":            {func(g *xccv1.GatewayDNS) { g.Status.Gateways = []xccv1.GatewayStatus{{Cluster: "a"}} }, true},
		"the spec":             {func(g *xccv1.GatewayDNS) { g.Spec.Subdomain = "other" }, true},
		"an annotation":        {func(g *xccv1.GatewayDNS) { g.Annotations = map[string]string{"a": "b"} }, true},
		"nothing, at a resync": {func(g *xccv1.GatewayDNS) { g.ResourceVersion = "1" }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Name: "gw", ResourceVersion: "1"}}
			after := before.DeepCopy()
			after.ResourceVersion = "2"
			test.change(after)
			g := NewWithT(t)
			g.Expect(notOnlyConsumersChanged().Update(event.UpdateEvent{ObjectOld: before, ObjectNew: after})).To(Equal(test.wakes))
			g.Expect(before.ResourceVersion).To(Equal("1"), "objects of a cache are not changed")
		})
	}
}
