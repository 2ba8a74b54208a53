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

package main

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const module = "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc"

// TestTheManagerLinksNoOtherProgram: the programs share packages below internal, and nothing else.
func TestTheManagerLinksNoOtherProgram(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	g.Expect(err).NotTo(HaveOccurred())
	linked := strings.Fields(string(output))
	g.Expect(linked).To(ContainElement(module+"/controllers/addon"), "the list is of this binary")

	for prefix, reason := range map[string]string{
		module + "/dnsserver": "the DNS server runs in workload clusters",
		module + "/patcher":   "the patcher runs in workload clusters; what both do to a Corefile is in internal/dnsconfig",
		module + "/test":      "test code",
		"testing":             "test code",
	} {
		for _, path := range linked {
			g.Expect(path == prefix || strings.HasPrefix(path, prefix+"/")).To(BeFalse(), "%s: %s", path, reason)
		}
	}
}
