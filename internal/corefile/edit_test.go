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

package corefile_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

var update = flag.Bool("update", false, "write the golden files")

// settings returns Settings with one zone and no written blocks.
func settings() corefile.Settings {
	return corefile.Settings{Zones: []string{"xcc.test"}, ClusterIPs: []string{"10.96.0.53"}}
}

// written returns Plan.Written after the installation in a usual Corefile.
func written(s corefile.Settings) string {
	return corefile.Install(known(texts{"coredns": {"Corefile": ". {\n}\n"}}), s).Written
}

// ensure installs into a Corefile without imports, and returns the text and the error.
func ensure(text string, s corefile.Settings) (string, error) {
	before := texts{"coredns": {"Corefile": text}}
	plan := corefile.Install(known(before), s)
	return perform(before, plan)["coredns"]["Corefile"], plan.Err
}

// remove uninstalls from a Corefile without imports, and returns the text and the error.
func remove(text string, s corefile.Settings) (string, error) {
	before := texts{"coredns": {"Corefile": text}}
	plan := corefile.Uninstall(known(before), s)
	return perform(before, plan)["coredns"]["Corefile"], plan.Err
}

func readCorefiles(t *testing.T) map[string]string {
	t.Helper()
	g := NewWithT(t)
	paths, err := filepath.Glob("testdata/*.corefile")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(paths).NotTo(BeEmpty())
	corefiles := map[string]string{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		g.Expect(err).NotTo(HaveOccurred())
		corefiles[strings.TrimSuffix(path, ".corefile")] = string(content)
	}
	return corefiles
}

func TestEnsureWritesTheGoldenFiles(t *testing.T) {
	t.Parallel()
	for name, text := range readCorefiles(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ensured, err := ensure(text, settings())
			g.Expect(err).NotTo(HaveOccurred())
			if *update {
				g.Expect(os.WriteFile(name+".golden", []byte(ensured), 0o644)).To(Succeed())
			}
			golden, err := os.ReadFile(name + ".golden")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(ensured).To(Equal(string(golden)))

			again, err := ensure(ensured, settings())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(again).To(Equal(ensured), "Ensure is idempotent")
		})
	}
}

func TestRemoveRestoresTheOriginal(t *testing.T) {
	t.Parallel()
	corefiles := readCorefiles(t)
	for name, text := range corefiles {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ensured, err := ensure(text, settings())
			g.Expect(err).NotTo(HaveOccurred())
			removed, err := remove(ensured, settings())
			g.Expect(err).NotTo(HaveOccurred())
			if filepath.Base(name) == "old-project" {
				text = corefiles["testdata/kubeadm"]
			}
			g.Expect(removed).To(Equal(text))
		})
	}
}

func TestEnsureRecognizesItsBlock(t *testing.T) {
	t.Parallel()
	const others = ".:53 {\n    errors\n}\n"
	const body = " {\n  errors\n  forward . 10.96.0.53 {\n    max_concurrent 1000\n  }\n}\n"
	for name, block := range map[string]string{
		"without a comment, with another indentation": "xcc.test:53" + body,
		"without a port":                  "xcc.test" + body,
		"with a final dot":                "xcc.test." + body,
		"with a final dot and a port":     "xcc.test.:53" + body,
		"with the transport":              "dns://xcc.test:53" + body,
		"in upper case":                   "XCC.Test:53" + body,
		"in quotes":                       `"xcc.test:53"` + body,
		"on one line but for the plugins": "xcc.test:53 { # ours\nerrors\nforward . 10.96.0.53 {\nmax_concurrent 1000\n}\n}\n",
		"with its brace on the next line": "xcc.test:53\n" + body,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(ensure(others+"\n"+block, settings())).To(Equal(others+"\n"+block), "there is no edit without a change")
			g.Expect(ensure(block+"\n"+others, settings())).To(Equal(block+"\n"+others), "nor if our block is first")
			g.Expect(remove(others+"\n"+block, settings())).To(Equal(others))
		})
	}
}

func TestEnsureRepairsItsBlock(t *testing.T) {
	t.Parallel()
	const others = ".:53 {\n    errors\n}\n"
	wanted, err := ensure(others, settings())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, test := range map[string]struct{ corefile, written string }{
		"missing": {corefile: others},
		"twice":   {corefile: others + "\nxcc.test:53 {\n  forward . 10.96.0.53\n}\n\nxcc.test {\n  forward . 10.96.0.53\n}\n"},
		"of the 2022 project, without comments after an upgrade": {corefile: others + "\nxcc.test {\n    forward . 10.96.0.53\n    reload\n}\n"},
		"with what the migration library adds":                   {corefile: others + "\nxcc.test:53 {\n    errors\n    forward . 10.96.0.53\n    loop\n}\n"},
		"in front of the others, close to them":                  {corefile: "xcc.test {\n    forward . 10.96.0.53\n}\n" + others},
		"that names the transport and the port":                  {corefile: others + "\nxcc.test:53 {\n    forward . dns://10.96.0.53:53\n}\n"},
		"for a former ClusterIP, in Written": {
			corefile: others + "\nxcc.test:53 {\n    errors\n    forward . 10.96.9.9 {\n        max_concurrent 1000\n    }\n}\n",
			written:  written(corefile.Settings{Zones: []string{"xcc.test"}, ClusterIPs: []string{"10.96.9.9"}}),
		},
		"for a former zone, in Written": {
			corefile: others + "\nold.test:53 {\n    errors\n    forward . 10.96.0.53 {\n        max_concurrent 1000\n    }\n}\n",
			written:  written(corefile.Settings{Zones: []string{"old.test"}, ClusterIPs: []string{"10.96.0.53"}}),
		},
		"with a malformed Written": {corefile: others, written: "}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			s := settings()
			s.Written = test.written
			g.Expect(ensure(test.corefile, s)).To(Equal(wanted))
			g.Expect(remove(test.corefile, s)).To(Equal(others))
		})
	}
}

func TestEnsureLeavesForeignBlocksAlone(t *testing.T) {
	t.Parallel()
	const others = ".:53 {\n    errors\n}\n"
	for name, block := range map[string]string{
		"that forwards elsewhere":                    "xcc.test:53 {\n  forward . 192.0.2.1\n}\n",
		"that forwards elsewhere too":                "xcc.test:53 {\n  forward . 10.96.0.53 192.0.2.1\n}\n",
		"that forwards to another port":              "xcc.test:53 {\n  forward . 10.96.0.53:5353\n}\n",
		"that forwards over another transport":       "xcc.test:53 {\n  forward . tls://10.96.0.53\n}\n",
		"that forwards a part of it":                 "xcc.test:53 {\n  forward a.xcc.test 10.96.0.53\n}\n",
		"that does not forward":                      "xcc.test:53 {\n  errors\n}\n",
		"with a plugin that we do not write":         "xcc.test:53 {\n  forward . 10.96.0.53\n  log\n}\n",
		"without plugins":                            "xcc.test:53 { }\n",
		"that serves another zone too":               "xcc.test:53 other.test:53 {\n  forward . 10.96.0.53\n}\n",
		"that serves another zone too, with a comma": "other.test, xcc.test {\n  forward . 10.96.0.53\n}\n",
		"on another port too":                        "xcc.test:53 xcc.test:5353 {\n  forward . 10.96.0.53\n}\n",
		"with another spelling":                      "dns://XCC.test.:053 {\n  file db\n}\n",
		"that is bound to an address":                "xcc.test {\n  bind 192.0.2.1\n  forward . 10.96.0.53\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			text, err := ensure(others+block, settings())
			g.Expect(err).To(MatchError(corefile.ErrForeignBlock))
			g.Expect(err).To(MatchError(ContainSubstring("in line 4 of the Corefile")))
			g.Expect(text).To(Equal(others + block))
		})
	}
}

func TestARefusedZoneDoesNotAffectOtherZones(t *testing.T) {
	t.Parallel()
	const others = ".:53 {\n    kubernetes cluster.local\n}\n"
	const foreign = "b.test {\n  file db\n}\n"
	for name, test := range map[string]struct {
		zones         []string
		before, after string
	}{
		"a foreign block, the zone is last":  {[]string{"b.test", "xcc.test"}, others + foreign, others + foreign},
		"a foreign block, the zone is first": {[]string{"xcc.test", "b.test"}, others + foreign, others + foreign},
		"the zone has names of the cluster":  {[]string{"local", "xcc.test"}, others, others},
		"our block beside a foreign one is removed": {
			[]string{"b.test", "xcc.test"}, others + "\nb.test:53 {\n  forward . 10.96.0.53\n}\n" + foreign, others + foreign},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			s := settings()
			wanted, err := ensure(test.after, s)
			g.Expect(err).NotTo(HaveOccurred())
			s.Zones = test.zones
			ensured, err := ensure(test.before, s)
			g.Expect(err).To(HaveOccurred())
			g.Expect(ensured).To(Equal(wanted))
		})
	}
}

func TestTheBlockHasTheListenerOfTheMainBlock(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ main, block string }{
		"port 53":                {".:53 {\n}\n", "xcc.test:53 {\n    # "},
		"another port":           {".:5353 {\n}\n", "xcc.test:5353 {\n    # "},
		"port 53 and another":    {".:5353 {\n}\n.:53 {\n}\n", "xcc.test:53 {\n    # "},
		"an address":             {". {\n  bind 192.0.2.1 ::1\n}\n", "errors\n    bind 192.0.2.1 ::1\n    forward"},
		"no main block":          {"a.test:5353 {\n}\n", "xcc.test:5353 {\n    # "},
		"two lines of addresses": {".:5353 {\n  bind 192.0.2.2\n  bind 192.0.2.1\n}\n", "errors\n    bind 192.0.2.2\n    bind 192.0.2.1\n    forward"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ensured, err := ensure(test.main, settings())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(ensured).To(HavePrefix(test.main))
			g.Expect(ensured).To(ContainSubstring(test.block))
			g.Expect(ensure(ensured, settings())).To(Equal(ensured))
			g.Expect(remove(ensured, settings())).To(Equal(test.main))
		})
	}
}

func TestTheBlockFollowsTheMainBlockToAnotherPort(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ensured, err := ensure(".:53 {\n}\n", settings())
	g.Expect(err).NotTo(HaveOccurred())
	s := settings()
	s.Written = written(s)
	moved, err := ensure(strings.Replace(ensured, ".:53", ".:5353", 1), s)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(moved).To(Equal(strings.ReplaceAll(ensured, ":53 {", ":5353 {")))
}

func TestAWrittenBlockIsRecognisedByItsTokens(t *testing.T) {
	t.Parallel()
	const others = ".:53 {\n    errors\n}\n"
	former := settings()
	former.ClusterIPs = []string{"10.96.9.9"}
	s := settings()
	s.Written = written(former)
	for name, block := range map[string]string{
		"other tokens":              "xcc.test:53 {\n  errors\n  forward . 10.96.9.8 {\n    max_concurrent 1000\n  }\n}\n",
		"the tokens on other lines": "xcc.test:53 {\n  errors forward . 10.96.9.9 {\n    max_concurrent 1000\n  }\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ensure(others+block, s)
			NewWithT(t).Expect(err).To(MatchError(corefile.ErrForeignBlock))
		})
	}
}

func TestEnsureIgnoresUnrelatedBlocks(t *testing.T) {
	t.Parallel()
	for name, block := range map[string]string{
		"the parent zone":                  "test:53 {\n  errors\n}\n",
		"a child zone":                     "a.xcc.test:53 {\n  errors\n}\n",
		"another port":                     "xcc.test:5353 {\n  errors\n}\n",
		"another transport":                "tls://xcc.test {\n  errors\n}\n",
		"a name with the zone as a suffix": "axcc.test {\n  errors\n}\n",
		"a snippet with the zone's name":   "(xcc.test) {\n  errors\n}\n.:53 {\n  import xcc.test\n}\n",
		"the root zone on two ports":       ".:8053 .:53 {\n  errors\n}\n",
		"the root zone on TLS":             "tls://. {\n  errors\n}\n. {\n  errors\n}\n",
		"another block that is bound":      "a.test {\n  bind 192.0.2.1\n}\n. {\n  errors\n}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ensured, err := ensure(block, settings())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(ensured).To(HavePrefix(block + "\nxcc.test:53 {"))
		})
	}
}

func TestEnsureRefusesUnsupportedCorefiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ corefile, err string }{
		"an empty file":           {"", "it holds no server block"},
		"comments only":           {"# nothing\n", "it holds no server block"},
		"a missing closing brace": {".:53 {\n  errors\n", "line 1: the brace that opens here is never closed"},
		"a missing closing brace of a block with a plugin": {".:53 {\n  health {\n    lameduck 5s\n}\n", "line 1: the brace that opens here is never closed"},
		"a plugin that is never closed":                    {".:53 {\n  health {\n    lameduck 5s\n", "line 3: a brace is never closed"},
		"a snippet that is never closed":                   {"(a) {\n  errors {\n}\n", "line 1: the brace that opens here is never closed"},
		"an extra closing brace":                           {".:53 {\n  errors\n}\n}\n", `line 4: "}" is not the name of a server block`},
		"a brace that closes in a plugin":                  {".:53 {\n  errors }\n}\n", "line 2: a brace closes that was not opened"},
		"a brace after words in quotes that span lines":    {".:53 {\n  errors \"a\nb\" }\n}\n", "line 3: a brace closes that was not opened"},
		"a brace in place of a plugin":                     {".:53 {\n  {\n  }\n}\n", "line 2: a brace opens where a plugin is expected"},
		"a block without a name":                           {"{\n  errors\n}\n", "line 1: a server block has no name before its brace"},
		"a comma in front of the brace":                    {".:53, {\n  errors\n}\n", "line 1: a server block has no name before its brace"},
		"a block without braces":                           {".:53\nerrors\n", `line 2: the server block [".:53"] has no braces around its plugins`},
		"only a name":                                      {".:53", `line 1: the server block [".:53"] has no braces around its plugins`},
		"a block without a space at its brace":             {".:53{\n  errors\n}\n", `line 2: the server block [".:53{"] has no braces`},
		"a name from the environment":                      {"{$ZONE}:53 {\n  errors\n}\n", `line 1: the name of the server block "{$ZONE}:53" comes from CoreDNS's environment`},
		"an import without a file":                         {".:53 {\n  errors\n}\nimport\n", "line 4: import needs a file or a snippet"},
		"an import of two files":                           {".:53 {\n  import a b\n}\n", `line 2: import a takes one argument, and has "b"`},
		"an import among names":                            {"a,\nimport b\n", `line 2: "import" is not the name of a server block`},
		"a quote that is not closed":                       {".:53 {\n  errors\n}\n\"", "editing"},
		"the root zone on two ports, and none is 53":       {".:8053 .:8054 {\n  errors\n}\n", "line 1: the blocks for the root zone have different ports or addresses"},
		"main blocks that are bound to two addresses":      {". {\n  bind 192.0.2.1\n}\n. {\n  bind 192.0.2.2\n}\n", "line 4: the blocks for the root zone have different ports or addresses"},
		"a main block that is bound with options":          {". {\n  bind eth0 {\n    except 192.0.2.1\n  }\n}\n", "line 1: the block \".\" is bound to addresses with options"},
		"a main block that is bound to a word in quotes":   {". {\n  bind \"a b\"\n}\n", "line 1: the addresses of bind in the block \".\" cannot be repeated"},
		"a block that is bound, and no main block":         {"a.test {\n  bind 192.0.2.1\n}\n", `line 1: the block "a.test" is bound to addresses, and no block serves the root zone`},
		"blocks on two other ports, and no main block":     {"a.test:5353 {\n}\nb.test:5354 {\n}\n", "line 3: the blocks for any zone have different ports or addresses"},
		"our block on another one's line":                  {".:53 {\n  errors\n} xcc.test {\n  forward . 10.96.0.53\n}\n", "line 3: the block for xcc.test shares a line with another one"},
		"another one on our block's last line":             {"xcc.test {\n  forward . 10.96.0.53\n} .:53 {\n  errors\n}\n", "line 1: the block for xcc.test shares a line with another one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			_, err := ensure(test.corefile, settings())
			g.Expect(err).To(MatchError(corefile.ErrUnsupported))
			g.Expect(err).To(MatchError(ContainSubstring(test.err)))
		})
	}
}

func TestEnsureRefusesAZoneWithNamesOfTheCluster(t *testing.T) {
	t.Parallel()
	const others = ".:53 {\n    errors\n    kubernetes Cluster.Local. in-addr.arpa {\n        pods insecure\n    }\n}\nb.test {\n    kubernetes\n}\n"
	for zone, taken := range map[string]bool{
		"cluster.local":             true,
		"local":                     true,
		"svc.cluster.local":         true,
		"pod.cluster.local":         true,
		"default.svc.cluster.local": true,
		"in-addr.arpa":              true,
		"b.test":                    true,
		"test":                      true,
		"xcc.cluster.local":         false,
		"mycluster.local":           false,
		"xcc.test":                  false,
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			s := settings()
			s.Zones = []string{zone}
			_, err := ensure(others, s)
			if !taken {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(Or(MatchError(corefile.ErrUnsupported), MatchError(corefile.ErrForeignBlock)))
		})
	}
	s := settings()
	s.Zones = []string{"local"}
	_, err := ensure(others, s)
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("line 1: the zone local would hide names of the cluster itself, which are in Cluster.Local. in the Corefile")))
}

func TestEnsureKeepsABlockPerZone(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const others = ".:53 {\n    errors\n}"
	s := corefile.Settings{Zones: []string{"xcc.test", "a.xcc.test"}, ClusterIPs: []string{"fd00::53", "10.96.0.53"}}
	ensured, err := ensure(others, s)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(strings.Count(ensured, "forward . fd00::53 {")).To(Equal(2))
	g.Expect(ensure(ensured, s)).To(Equal(ensured))
	g.Expect(remove(ensured, s)).To(Equal(others))

	s.Written, s.Zones = written(s), []string{"a.xcc.test"}
	ensured, err = ensure(ensured, s)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ensured).NotTo(ContainSubstring("\nxcc.test:53 {"), "the block of the former zone is removed")
	g.Expect(ensured).To(ContainSubstring("\na.xcc.test:53 {"))
}

func TestRemoveLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"no block":        ".:53 {\n  errors\n}\n\n",
		"a foreign block": ".:53 {\n  errors\n}\nxcc.test {\n  file db\n}\n",
		"nothing":         "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(remove(text, settings())).To(Equal(text))
		})
	}
}

func TestRemoveNeedsNoClusterIPForWrittenBlocks(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const others = ".:53 {\n    errors\n}\n"
	ensured, err := ensure(others, settings())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(remove(ensured, corefile.Settings{Written: written(settings())})).To(Equal(others))
}

func TestRemoveKeepsTheNeighboursApart(t *testing.T) {
	t.Parallel()
	const ours = "xcc.test {\n  forward . 10.96.0.53\n}\n"
	const a, b = "a {\n  errors\n}\n", "b {\n  errors\n}\n"
	for name, test := range map[string]struct{ with, without string }{
		"with empty lines":    {a + "\n" + ours + "\n" + b, a + "\n" + b},
		"without empty lines": {a + ours + b, a + b},
		"with a comment":      {a + "\n" + ours + "# end\n", a + "# end\n"},
		"one of the comments of the 2022 project is missing": {
			a + "### BEGIN CROSS CLUSTER CONNECTIVITY\n" + ours, a + "### BEGIN CROSS CLUSTER CONNECTIVITY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(remove(test.with, settings())).To(Equal(test.without))
		})
	}
}

func TestWrittenIsLimitedInBlocks(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := settings()
	for range 40 {
		for _, ip := range []string{"10.96.0.1", "10.96.0.2"} {
			s.ClusterIPs = []string{ip}
			s.Written = written(s)
		}
	}
	g.Expect(strings.Count(s.Written, "xcc.test:53 {")).To(Equal(2), "there are no duplicates")
	for i := range 40 {
		s.ClusterIPs = []string{"10.96.1." + string(rune('0'+i%10)) + string(rune('0'+i/10))}
		s.Written = written(s)
	}
	g.Expect(strings.Count(s.Written, "xcc.test:53 {")).To(Equal(32))
	g.Expect(s.Written).To(ContainSubstring(s.ClusterIPs[0]), "the latest is kept")
}

// The manager copies Written into an annotation.
func TestWrittenIsLimitedInBytes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := settings()
	s.Zones = []string{strings.Repeat(strings.Repeat("a", 49)+".", 4) + "test"}
	for i := range 40 {
		s.ClusterIPs = []string{"10.96.1." + string(rune('0'+i%10)) + string(rune('0'+i/10))}
		s.Written = written(s)
	}
	g.Expect(len(s.Written)).To(BeNumerically("~", report.MaxWritten, 500))
	g.Expect(len(s.Written)).To(BeNumerically("<=", report.MaxWritten))
	g.Expect(s.Written).To(ContainSubstring(s.ClusterIPs[0]), "the latest is kept")
	g.Expect(s.Written).To(HavePrefix(s.Zones[0]), "only whole blocks are dropped")
}
