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

package resolve_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

const listeners = `
spec:
  listeners:
  - {name: https, port: 443, protocol: HTTPS}
  - {name: http, port: 80, protocol: HTTP}
  - {name: dns, port: 53, protocol: UDP}
`

func TestGatewayOfTheGatewayAPI(t *testing.T) {
	t.Parallel()
	const ports = "dns/UDP:53 http/TCP:80 https/TCP:443"
	for name, test := range map[string]struct {
		gateway string
		expected
	}{
		"an address":    {listeners + "status: {addresses: [{type: IPAddress, value: 192.0.2.1}]}", expected{"Resolved", "192.0.2.1", ports, "="}},
		"no type":       {listeners + "status: {addresses: [{value: 192.0.2.1}]}", expected{"Resolved", "192.0.2.1", ports, "="}},
		"both families": {listeners + `status: {addresses: [{type: IPAddress, value: 192.0.2.1}, {type: IPAddress, value: "2001:DB8::1"}]}`, expected{"Resolved", "192.0.2.1 2001:db8::1", ports, "="}},
		"a host name":   {listeners + "status: {addresses: [{type: Hostname, value: LB.example.com}]}", expected{"Resolved", "lb.example.com", ports, "="}},
		"a host name in our zone": {listeners + "status: {addresses: [{type: Hostname, value: lb.xcc.test}]}", expected{"NoAddress", "", "",
			"Gateway infra/eg has no address that can be published: lb.xcc.test is inside the zone"}},
		"an address of an unknown type": {listeners + "status: {addresses: [{type: example.com/vip, value: v}, {type: IPAddress, value: 192.0.2.1}]}", expected{"Resolved", "192.0.2.1", ports,
			"=Left out: v is of type example.com/vip, not IPAddress or Hostname"}},
		"no address":     {listeners + "status: {}", expected{"NoAddress", "", "", "has no address in its status yet: check that the controller of its GatewayClass runs"}},
		"no status":      {listeners, expected{"NoAddress", "", "", "has no address in its status yet"}},
		"not programmed": {listeners + `status: {conditions: [{type: Programmed, status: "False", message: no capacity}]}`, expected{"NoAddress", "", "", `its condition Programmed says "no capacity"`}},
		"not accepted":   {listeners + `status: {conditions: [{type: Programmed, status: "False", message: b}, {type: Accepted, status: "False", message: a}]}`, expected{"NoAddress", "", "", `its condition Accepted says "a"`}},
		"listeners and addresses of the wrong type": {"spec: {listeners: [1, {port: x}, {port: 70000}]}\nstatus: {addresses: 5}", expected{"NoAddress", "", "", "yet"}},
		"a conflicted listener": {listeners + `status: {addresses: [{value: 192.0.2.1}], listeners: [{name: http, conditions: [{type: Accepted, status: "True"}, {type: Conflicted, status: "True", reason: ProtocolConflict}]}]}`,
			expected{"Resolved", "192.0.2.1", "dns/UDP:53 https/TCP:443", "=Left out: port 80 of listener http, which is conflicted (ProtocolConflict)"}},
		"a listener that is not accepted": {listeners + `status: {addresses: [{value: 192.0.2.1}], listeners: [{name: dns, conditions: [{type: Accepted, status: "False", reason: UnsupportedProtocol}]}, {name: http, conditions: [{type: Accepted, status: Unknown}]}]}`,
			expected{"Resolved", "192.0.2.1", "http/TCP:80 https/TCP:443", "=Left out: port 53 of listener dns, which is not accepted (UnsupportedProtocol)"}},
		"no listener is accepted": {listeners + `status: {addresses: [{value: 192.0.2.1}], listeners: [{name: dns, conditions: [{type: Accepted, status: "False"}]}, {name: http, conditions: [{type: Accepted, status: "False"}]}, {name: https, conditions: [{type: Accepted, status: "False"}]}, 7, {conditions: 7}]}`,
			expected{"Resolved", "192.0.2.1", "", `port 443 of listener https, which is not accepted (""), port 80`}},
		"without listeners":            {"status: {addresses: [{value: 192.0.2.1}]}", expected{"Resolved", "192.0.2.1", "", "="}},
		"an address of the wrong type": {"status: {addresses: [7, {value: 5}, {value: 192.0.2.1}]}", expected{"Resolved", "192.0.2.1", "", `=Left out: "" is not a fully qualified host name`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gateway := &unstructured.Unstructured{}
			json, err := yaml.YAMLToJSON([]byte("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\n" + test.gateway))
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			NewWithT(t).Expect(gateway.UnmarshalJSON(json)).To(Succeed())
			target := resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"})
			check(t, resolve.Gateway(target, resolve.Objects{GatewayAPI: true, Gateway: gateway}, network), test.expected)
		})
	}
	target := resolve.TargetOf(&xccv1.GatewayDNSSpec{Gateway: "infra/eg"})
	check(t, resolve.Gateway(target, resolve.Objects{GatewayAPI: true}, network), expected{"GatewayNotFound", "", "", "Cluster has no Gateway infra/eg: create it or correct spec.gateway"})
	check(t, resolve.Gateway(target, resolve.Objects{GatewayVersions: []string{"v1alpha2", "v1beta1"}}, network), expected{"GatewayAPINotInstalled", "", "",
		"only in version v1alpha2, v1beta1, and v1 is needed: install the Gateway API v1.0 or newer"})
	check(t, resolve.Gateway(target, resolve.Objects{}, network), expected{"GatewayAPINotInstalled", "", "", "install its CustomResourceDefinition"})
}
