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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/randfill"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

func FuzzGatewayFitsTheSchema(f *testing.F) {
	schema := readCRD(f)
	f.Add("Resolved", "why", "Service a/b", "192.0.2.1", "lb.example.com", "http", "TCP", int32(80), 1)
	f.Add("", "\xff\x00\x1b", "\u202e", "fe80::1%eth0", "", "\xff", "quic", int32(-1), 200)
	f.Add("Unknown", "<&>\"", "", "::ffff:192.0.2.1", "127.0.0.1", "", "", int32(70000), 101)
	long := strings.Repeat("long", 200)
	f.Add(long, long, long, long, "192.0.2.1", long, "TCP", int32(65535), 3)
	f.Add("Resolved", "", "", "192.0.2.1", "192.0.2.2", "", "UDP", int32(-1), 3)
	f.Add("Resolved", "", "", "192.0.2.1", "192.0.2.2", "http", "TCP", int32(65535), 3)
	f.Fuzz(func(t *testing.T, state, message, source, address, other, portName, protocol string, port int32, count int) {
		gateway := xccv1.GatewayStatus{
			Cluster: "a", Hostname: message, State: xccv1.GatewayState(state), Message: message, Source: source, LastTransitionTime: sample().LastTransitionTime,
			Addresses: []string{address, other, address},
		}
		for i := range max(0, min(count, 300)) {
			gateway.Addresses = append(gateway.Addresses, address[:min(len(address), i)]+other)
			gateway.Ports = append(gateway.Ports, xccv1.GatewayPort{Name: portName[min(len(portName), i):], Protocol: protocol, Port: port + int32(i)})
		}
		check(t, schema, gateway)
	})
}

func FuzzAnyGatewayFitsTheSchema(f *testing.F) {
	schema := readCRD(f)
	f.Add([]byte("seed"))
	f.Add([]byte{0, 1, 2, 3, 250, 251, 252, 253, 254, 255, 7, 7, 7, 7, 7, 7, 7})
	f.Fuzz(func(t *testing.T, data []byte) {
		var gateway xccv1.GatewayStatus
		randfill.NewFromGoFuzz(data).NilChance(0.1).NumElements(0, 120).Fill(&gateway)
		gateway.Cluster, gateway.LastTransitionTime, gateway.UnreachableSince, gateway.Shared = "a", sample().LastTransitionTime, nil, nil
		check(t, schema, gateway)
	})
}

// check expects that the schema allows the entry, and that a second call of Gateway changes
// nothing.
func check(t *testing.T, schema crd, gateway xccv1.GatewayStatus) {
	t.Helper()
	g := NewWithT(t)
	fitting := fit.Gateway(gateway)
	g.Expect(schema.problems(t, []xccv1.GatewayStatus{fitting})).To(BeEmpty())
	g.Expect(fit.Gateway(fitting)).To(Equal(fitting))
	g.Expect(len(fitting.Message)).To(BeNumerically("<=", fit.MaxMessage))
}
