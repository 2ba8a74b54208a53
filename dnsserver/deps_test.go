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

package dnsserver

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// DNS needs no Kubernetes, and sockets need no names.
func TestPackagesStayApart(t *testing.T) {
	t.Parallel()
	const module = "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/"
	kubernetes := []string{"k8s.io", "sigs.k8s.io", module + "api"}
	for name, forbidden := range map[string][]string{
		"zone/table": {"k8s.io", "sigs.k8s.io", module + "api", module + "internal", "github.com/miekg/dns", "net"},
		"zone":       append(kubernetes, module+"dnsserver/query", module+"dnsserver/alias", module+"dnsserver/answer"),
		"query":      append(kubernetes, module+"dnsserver/zone", module+"dnsserver/answer", module+"dnsserver/transport"),
		"answer":     append(kubernetes, module+"dnsserver/transport", module+"internal/linger"),
		"transport":  append(kubernetes, module+"dnsserver/zone", module+"dnsserver/answer", module+"dnsserver/alias", module+"internal/dnsname"),
		"alias":      append(kubernetes, module+"dnsserver/zone", module+"dnsserver/answer"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "./"+name).Output()
			g.Expect(err).NotTo(HaveOccurred())
			linked := strings.Fields(string(output))
			g.Expect(linked).To(ContainElement(module+"dnsserver/"+name), "the list is of this package")
			for _, path := range linked {
				for _, prefix := range forbidden {
					g.Expect(path == prefix || strings.HasPrefix(path, prefix+"/")).To(BeFalse(), "%s links %s", name, path)
				}
			}
		})
	}
}
