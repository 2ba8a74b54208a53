//go:build e2e

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

package e2e_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// Go runs the tests of a package in the order of their files. This one deletes the GatewayDNS that
// the earlier tests need.
func TestADeletedGatewayDNSHasNoNames(t *testing.T) {
	g := NewWithT(t)
	_, err := path.Management.Kubectl(t.Context(), "--namespace="+namespace, "delete", "gatewaydns", "dev-team-gateway-dns")
	g.Expect(err).NotTo(HaveOccurred())
	watch := startWatch(t, path.B, clusterDNS, hostname, 20*time.Millisecond)
	_, err = watch.untilAnswer(t.Context(), "NXDOMAIN")
	g.Expect(err).NotTo(HaveOccurred())
	for _, client := range clients {
		_, err := resolve(t, path.B, client)()
		g.Expect(err).To(HaveOccurred(), client)
	}
}
