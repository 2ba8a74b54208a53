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
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/spf13/pflag"
)

// The binary runs in every cluster. Everything that it links has to be downloaded, kept in memory
// and patched there.
func TestWhatTheBinaryMustNotLink(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	g.Expect(err).NotTo(HaveOccurred())
	linked := strings.Fields(string(output))
	g.Expect(linked).To(ContainElement("github.com/miekg/dns"), "the list is of this binary")

	for prefix, reason := range map[string]string{
		"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers":       "controllers run elsewhere, with rights that this process must not need",
		"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates":         "what is installed is not the server's business",
		"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test":              "test code",
		"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/dnstest": "test code",
		"github.com/onsi/gomega":                 "test code",
		"testing":                                "test code",
		"sigs.k8s.io/cluster-api":                "a workload cluster knows nothing of Cluster API",
		"sigs.k8s.io/controller-runtime":         "one watch needs no manager, cache and leader election; about 8 MB",
		"k8s.io/client-go/kubernetes":            "the clientset has every API of Kubernetes; about 20 MB",
		"k8s.io/client-go/informers":             "brings the clientset",
		"k8s.io/client-go/dynamic":               "slices have a Go type",
		"k8s.io/client-go/discovery":             "the one API that is read is known",
		"k8s.io/apiextensions-apiserver":         "no custom resource is read here",
		"k8s.io/apiserver":                       "this serves no API",
		"k8s.io/component-base":                  "klog and Prometheus' client are enough",
		"k8s.io/api/apps":                        "of Kubernetes' APIs discovery is needed alone, and core, which it imports",
		"github.com/coredns/coredns":             "the server is not a CoreDNS",
		"github.com/google/go-containerregistry": "images are built elsewhere",
		"google.golang.org/grpc":                 "nothing here speaks it",
		"go.opentelemetry.io":                    "nothing here traces",
	} {
		for _, path := range linked {
			g.Expect(path == prefix || strings.HasPrefix(path, prefix+"/")).To(BeFalse(), "%s: %s", path, reason)
		}
	}
}

func TestArguments(t *testing.T) {
	g := NewWithT(t)
	g.Expect(run([]string{"--help"})).To(MatchError(pflag.ErrHelp))
	g.Expect(run([]string{"--version"})).To(Succeed())
	g.Expect(run([]string{"--nonsense"})).To(MatchError(ContainSubstring("nonsense")))
	g.Expect(run([]string{"serve"})).To(MatchError(ContainSubstring(`unexpected argument "serve"`)))
	g.Expect(run([]string{"--ttl=-1"})).To(MatchError(ContainSubstring("--ttl")))
	g.Expect(run([]string{"--zone=a b"})).To(MatchError(ContainSubstring("--zone")))
}

// The tests of the manifests and of package capability cover the rest.
func TestVersionTellsWhatIsRead(t *testing.T) {
	g := NewWithT(t)
	name := filepath.Join(t.TempDir(), "message")
	t.Setenv("XCC_CAPABILITIES_FILE", name)
	g.Expect(run([]string{"--version"})).To(Succeed())
	g.Expect(os.ReadFile(name)).To(BeEquivalentTo("dns-targets,dns-failover"))
	t.Setenv("XCC_CAPABILITIES_FILE", t.TempDir())
	g.Expect(run([]string{"--version"})).To(Succeed(), "a file that cannot be written keeps no Pod from starting")
}

func TestHelpSaysWhatTheProgramIs(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	output, err := exec.CommandContext(t.Context(), "go", "run", ".", "--help").CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(output)).To(And(HavePrefix("dns-server answers DNS queries"), ContainSubstring("--kubeconfig=$HOME"), ContainSubstring("--lameduck duration")))
}
