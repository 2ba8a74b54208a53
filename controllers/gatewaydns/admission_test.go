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

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

func TestWithdraws(t *testing.T) {
	t.Parallel()
	target := resolve.Target{Namespace: "projectcontour", Name: "envoy"}
	with := func(state xccv1.GatewayState, addresses ...string) Observation {
		return Observation{Results: map[resolve.Target]resolve.Result{target: {State: state, Addresses: addresses}}}
	}
	unknown := Observation{Unknown: "Cluster is not connected"}
	for name, test := range map[string]struct {
		previous, next Observation
		withdraws      bool
	}{
		"an address comes":                      {with(xccv1.GatewayResolved, "192.0.2.1"), with(xccv1.GatewayResolved, "192.0.2.1", "192.0.2.2"), false},
		"an address goes":                       {with(xccv1.GatewayResolved, "192.0.2.1", "192.0.2.2"), with(xccv1.GatewayResolved, "192.0.2.1"), true},
		"an address is replaced":                {with(xccv1.GatewayResolved, "192.0.2.1"), with(xccv1.GatewayResolved, "192.0.2.2"), true},
		"all addresses go":                      {with(xccv1.GatewayResolved, "192.0.2.1"), with(xccv1.GatewayNoAddress), true},
		"the gateway becomes unknown":           {with(xccv1.GatewayResolved, "192.0.2.1"), with(xccv1.GatewayUnknown), false},
		"the cluster becomes unknown":           {with(xccv1.GatewayResolved, "192.0.2.1"), unknown, false},
		"it is gone after it was unknown":       {unknown, with(xccv1.GatewayNoAddress), true},
		"it is back after it was unknown":       {unknown, with(xccv1.GatewayResolved, "192.0.2.1"), false},
		"it is gone for another reason":         {with(xccv1.GatewayNoAddress), with(xccv1.GatewayServiceNotFound), false},
		"another gateway is asked for":          {Observation{}, with(xccv1.GatewayResolved, "192.0.2.1"), false},
		"a gateway is not asked for any longer": {with(xccv1.GatewayResolved, "192.0.2.1"), Observation{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(withdraws(test.previous, test.next)).To(Equal(test.withdraws))
		})
	}
}
