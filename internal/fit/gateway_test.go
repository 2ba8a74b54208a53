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

package fit_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// sample returns a valid entry.
func sample() xccv1.GatewayStatus {
	return xccv1.GatewayStatus{
		Cluster: "a", Hostname: "*.gateway.a.team.clusters.xcc.test", State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1", "lb.example.com"},
		Ports:  []xccv1.GatewayPort{{Name: "http", Protocol: "TCP", Port: 80}, {Name: "https", Protocol: "TCP", Port: 443}},
		Source: "Service projectcontour/envoy: status.loadBalancer", Message: "why", LastTransitionTime: metav1.Unix(1000, 0),
	}
}

func TestAValidEntryIsReturnedUnchanged(t *testing.T) {
	t.Parallel()
	NewWithT(t).Expect(fit.Gateway(sample())).To(Equal(sample()))
}

func TestABadValueIsLeftOutAndNamed(t *testing.T) {
	t.Parallel()
	schema := readCRD(t)
	http := xccv1.GatewayPort{Name: "http", Protocol: "TCP", Port: 80}
	for name, test := range map[string]struct {
		change  func(*xccv1.GatewayStatus)
		state   xccv1.GatewayState
		ports   []xccv1.GatewayPort
		message string
	}{
		"a port above the range": {func(g *xccv1.GatewayStatus) { g.Ports[1].Port = 70000 }, xccv1.GatewayResolved, []xccv1.GatewayPort{http},
			"why; Left out: port 70000 is not within 1 to 65535"},
		"a negative port": {func(g *xccv1.GatewayStatus) { g.Ports[1].Port = math.MinInt32 }, xccv1.GatewayResolved, []xccv1.GatewayPort{http},
			"why; Left out: port -2147483648 is not within 1 to 65535"},
		"port 0": {func(g *xccv1.GatewayStatus) { g.Ports[1].Port = 0 }, xccv1.GatewayResolved, []xccv1.GatewayPort{http},
			"why; Left out: port 0 is not within 1 to 65535"},
		"an unknown protocol": {func(g *xccv1.GatewayStatus) { g.Ports[1].Protocol = "quic\x1b[2J" }, xccv1.GatewayResolved, []xccv1.GatewayPort{http},
			`why; Left out: protocol "quic\x1b[2J" of port 443 is not TCP, UDP or SCTP`},
		"a long name": {func(g *xccv1.GatewayStatus) { g.Ports[1].Name = strings.Repeat("x", 2000) }, xccv1.GatewayResolved, []xccv1.GatewayPort{http},
			`why; Left out: name "` + strings.Repeat("x", 80) + `"… of port 443 is too long or has control characters`},
		"a port twice": {func(g *xccv1.GatewayStatus) { g.Ports[1] = g.Ports[0] }, xccv1.GatewayResolved, []xccv1.GatewayPort{http}, "why"},
		"no valid port, and no message": {func(g *xccv1.GatewayStatus) {
			g.Message = ""
			g.Ports = []xccv1.GatewayPort{{Protocol: "TCP", Port: -1}}
		},
			xccv1.GatewayResolved, nil, "Left out: port -1 is not within 1 to 65535"},
		"an invalid address": {func(g *xccv1.GatewayStatus) { g.Addresses, g.Ports = []string{"192.0.2.1", "fe80::1%eth0"}, nil }, xccv1.GatewayResolved, nil,
			"why; Left out: fe80::1%eth0 is not an IP address or a host name"},
		"no valid address": {func(g *xccv1.GatewayStatus) { g.Addresses = []string{strings.Repeat("a.", 300) + "com"} }, xccv1.GatewayNoAddress, nil,
			`why; Left out: "` + strings.Repeat("a.", 40) + `"… is not an IP address or a host name`},
		"a long state": {func(g *xccv1.GatewayStatus) { g.State, g.Ports = xccv1.GatewayState(strings.Repeat("x", 64)), nil }, xccv1.GatewayUnknown, nil, "why"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			gateway := sample()
			test.change(&gateway)
			gateway = fit.Gateway(gateway)
			g.Expect(gateway.State).To(Equal(test.state))
			g.Expect(gateway.Ports).To(Equal(test.ports))
			g.Expect(gateway.Message).To(Equal(test.message))
			g.Expect(schema.problems(t, []xccv1.GatewayStatus{gateway})).To(BeEmpty())
		})
	}
}

func TestBadPortsDoNotCrowdOutGoodOnes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	gateway := sample()
	for i := range 20000 {
		gateway.Ports = append(gateway.Ports, xccv1.GatewayPort{Name: fmt.Sprintf("a%d", i), Protocol: "TCP", Port: int32(70000 + i)})
	}
	gateway.Message = strings.Repeat("m", 2000)
	gateway = fit.Gateway(gateway)
	g.Expect(gateway.Ports).To(Equal(sample().Ports))
	g.Expect(gateway.Message).To(HaveSuffix("…; Left out: port 70000 is not within 1 to 65535; port 70001 is not within 1 to 65535; " +
		"port 70002 is not within 1 to 65535 and 19997 more"))
	g.Expect(len(gateway.Message)).To(BeNumerically("<=", fit.MaxMessage))
}
