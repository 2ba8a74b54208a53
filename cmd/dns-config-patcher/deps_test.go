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

// TestTheBinaryStaysSmall lists what must not be linked: the program runs in every workload cluster.
func TestTheBinaryStaysSmall(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	g.Expect(err).NotTo(HaveOccurred())
	linked := strings.Fields(string(output))
	g.Expect(linked).To(ContainElement("k8s.io/client-go/dynamic"), "the list is one of packages")
	for prefix, reason := range map[string]string{
		"sigs.k8s.io/cluster-api":               "it is the management cluster's",
		"sigs.k8s.io/controller-runtime":        "three informers and a queue do, and it brings a clientset's worth of types",
		"github.com/miekg/dns":                  "a query needs no more than golang.org/x/net/dns/dnsmessage, which Go itself links",
		"k8s.io/client-go/kubernetes":           "the clientset registers every type of every API group",
		"k8s.io/client-go/informers":            "they need the clientset",
		"k8s.io/client-go/discovery":            "the resources are known",
		"k8s.io/api/":                           "a group's types are linked as a whole, those of core are 3 MB",
		"github.com/coredns/coredns":            "the lexer of its Corefile is a package of its own",
		"github.com/coredns/corefile-migration": "it is for tests",
		module + "/dnsserver":                   "what answers strangers is another process",
		module + "/controllers":                 "the controllers are the manager's",
	} {
		for _, path := range linked {
			g.Expect(path).NotTo(HavePrefix(prefix), reason)
		}
	}
}
