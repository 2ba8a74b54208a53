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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

const forwardAll = "    forward . 192.0.2.1\n"

func TestTheListenerMayBeImported(t *testing.T) {
	t.Parallel()
	const root = ".:53 {\n    import common\n" + forwardAll + "}\n"
	for name, test := range map[string]struct {
		cluster texts
		edited  corefile.File
		block   string
	}{
		"a snippet": {
			texts{"coredns": {"Corefile": "(common) {\n    bind 10.0.0.10\n}\n" + root}}, file("coredns", "Corefile"),
			"xcc.test:53 {|    bind 10.0.0.10\n",
		},
		"a snippet that imports another one": {
			texts{"coredns": {"Corefile": "(b) {\n    bind 10.0.0.10\n}\n(common) {\n    errors\n    import b\n}\n" + root}}, file("coredns", "Corefile"),
			"xcc.test:53 {|    bind 10.0.0.10\n",
		},
		"a snippet for another block": {
			texts{"coredns": {"Corefile": "(c) {\n    bind 10.0.0.10\n}\na.test {\n    import c\n}\n.:53 {\n}\n"}}, file("coredns", "Corefile"),
			"xcc.test:53 {|    errors\n    forward",
		},
		"an override": {
			texts{
				"coredns":        {"Corefile": ".:53 {\n    import custom/*.override\n" + forwardAll + "}\n"},
				"coredns-custom": {"bind.override": "bind 10.0.0.10"},
			}, file("coredns", "Corefile"),
			"xcc.test:53 {|    bind 10.0.0.10\n",
		},
		"a variable": {
			texts{"coredns": {"Corefile": "(common) {\n    bind {$NODE_IP} {$POD_IP}x\n}\n" + strings.Replace(root, "import common", "bind {$NODE_IP}\n    bind ::1", 1)}},
			corefile.File{}, "it may be bound to one address twice, by {$NODE_IP} and ::1",
		},
		"a variable alone": {
			texts{"coredns": {"Corefile": ".:53 {\n    bind {$NODE_IP}\n" + forwardAll + "}\n"}}, file("coredns", "Corefile"),
			"xcc.test:53 {|    bind {$NODE_IP}\n",
		},
		"the root block in an imported file, on another port": {
			texts{
				"coredns":        {"Corefile": "import custom/*.server\n"},
				"coredns-custom": {"root.server": ".:5353 {\n" + forwardAll + "}\n"},
			}, file("coredns-custom", "xcc.server"),
			"xcc.test:5353 {|    errors\n    forward",
		},
		"the root block in a snippet": {
			texts{"coredns": {"Corefile": "(all) {\n    .:5353 {\n" + forwardAll + "    }\n}\nimport all\n"}}, file("coredns", "Corefile"),
			"xcc.test:5353 {|    errors\n    forward",
		},
		"keys in an imported file": {
			texts{
				"coredns":        {"Corefile": "import custom/keys\n{\n" + forwardAll + "}\n.:5353 {\n}\n"},
				"coredns-custom": {"keys": ".:53"},
			}, corefile.File{}, `line 2: a server block has no name before its brace`,
		},
		"files that are imported by a file": {
			texts{
				"coredns":        {"Corefile": "import custom/all\n"},
				"coredns-custom": {"all": "import root.conf\nimport *.zone\n", "root.conf": ".:5353 {\n" + forwardAll + "}\n"},
			}, file("coredns-custom", "xcc.zone"),
			"xcc.test:5353 {|    errors\n    forward",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(test.cluster), settings())
			if test.edited.Key == "" {
				g.Expect(plan.Err).To(MatchError(ContainSubstring(test.block)))
				g.Expect(plan.Edits).To(BeEmpty())
				return
			}
			g.Expect(plan.Err).NotTo(HaveOccurred())
			g.Expect(plan.Edits).To(HaveLen(1))
			g.Expect(plan.Edits[0].File).To(Equal(test.edited))
			for part := range strings.SplitSeq(test.block, "|") {
				g.Expect(plan.Edits[0].Text).To(ContainSubstring(part))
			}
			expectRoundTrip(g, known, test.cluster, perform(test.cluster, plan), plan.Written)
		})
	}
}

func TestNodeLocalCacheWithASnippetKeepsItsAddresses(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster := texts{
		"coredns": {"Corefile": plain},
		"node-local-dns": {"Corefile": "(common) {\n    bind 169.254.20.10 __PILLAR__DNS__SERVER__\n}\ncluster.local:53 {\n    import common\n}\n" +
			".:53 {\n    import common\n}\n"},
	}
	plan := corefile.Install(known(cluster), settings())
	g.Expect(plan.Err).NotTo(HaveOccurred())
	g.Expect(perform(cluster, plan)["node-local-dns"]["Corefile"]).To(ContainSubstring("xcc.test:53 {"))
	g.Expect(perform(cluster, plan)["node-local-dns"]["Corefile"]).To(ContainSubstring("    errors\n    bind 169.254.20.10 __PILLAR__DNS__SERVER__\n    forward"))
	expectRoundTrip(g, known, cluster, perform(cluster, plan), plan.Written)
}

func TestTheClustersOwnNamesCanBeImported(t *testing.T) {
	t.Parallel()
	for name, cluster := range map[string]texts{
		"by a block of another zone": {"coredns": {"Corefile": "(k) {\n    kubernetes\n}\nxcc.test.:5353 {\n    import k\n}\n" + plain}},
		"by an override": {
			"coredns":        {"Corefile": ".:53 {\n    import custom/*.override\n}\n"},
			"coredns-custom": {"domain.override": "kubernetes xcc.test"},
		},
		"in a file of its own": {
			"coredns":        {"Corefile": plain + "import custom/*.server\n"},
			"coredns-custom": {"c.server": "a.test {\n    kubernetes a.xcc.test xcc.test\n}\n"},
		},
		"in an environment variable": {"coredns": {"Corefile": ".:53 {\n    kubernetes {$DOMAIN}\n}\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(cluster), settings())
			g.Expect(plan.Err).To(MatchError(corefile.ErrUnsupported))
			g.Expect(plan.Err).To(MatchError(ContainSubstring("hide names of the cluster itself")))
			g.Expect(plan.Edits).To(BeEmpty())
		})
	}
}

func TestOurKeyFollowsFromTheImport(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ statement, key string }{
		"as k3s imports":               {"import /etc/coredns/custom/*.server", "xcc.server"},
		"as Selectel imports":          {"import custom/*.custom", "xcc.custom"},
		"a prefix before the wildcard": {"import custom/zone-*.conf", "zone-xcc.conf"},
		"a relative path":              {"import ./custom/../custom/x.server\nimport custom//*.server", "xcc.server"},
		"two patterns":                 {"import custom/*.custom\nimport custom/*.server", "xcc.custom"},
		"a file without a wildcard":    {"import custom/x.server", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			cluster := texts{
				"coredns":        {"Corefile": plain + test.statement + "\n"},
				"coredns-custom": {"x.server": "x.test {\n}\n", "zone.custom": "y.test {\n}\n", "x.txt": "}"},
			}
			plan := corefile.Install(known(cluster), settings())
			if strings.Count(test.statement, ".server") == 2 {
				// The name and the pattern both import it.
				g.Expect(plan.Err).To(MatchError(ContainSubstring("another server block serves x.test.:53, too")))
				return
			}
			g.Expect(plan.Err).NotTo(HaveOccurred())
			want := corefile.Edit{File: file("coredns-custom", test.key), Text: block53}
			if test.key == "" {
				want = corefile.Edit{File: file("coredns", "Corefile"), Text: plain + test.statement + "\n\n" + block53}
			}
			g.Expect(plan.Edits).To(Equal([]corefile.Edit{want}))
			expectRoundTrip(g, known, cluster, perform(cluster, plan), plan.Written)
		})
	}
}

func TestEveryImportedKeyIsChecked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		main   string
		custom map[string]string
		binary map[string][]byte
		err    string
	}{
		"with another suffix": {"import custom/*.custom\n", map[string]string{"zone.custom": "xcc.test {\n    log\n}\n"}, nil,
			`the block "xcc.test" in line 1 of zone.custom in kube-system/coredns-custom serves xcc.test and is not ours`},
		"that is binary": {"import custom/*.server\n", nil, map[string][]byte{"zone.server": []byte("xcc.test {\n    log\n}\n")},
			`line 1 of zone.server in kube-system/coredns-custom serves xcc.test`},
		"that is ours and binary": {"import custom/*.server\n", nil, map[string][]byte{"xcc.server": []byte("a.test {\n    log\n}\n")},
			"imports xcc.server in kube-system/coredns-custom, which cannot be edited: it is in the binaryData"},
		"imported by its name": {"import custom/a.conf\n", map[string]string{"a.conf": "XCC.Test. {\n    log\n}\n"}, nil,
			`line 1 of a.conf in kube-system/coredns-custom serves xcc.test`},
		"with a copy of our block": {"import custom/*.server\n", map[string]string{"a.server": block53}, nil,
			`line 1 of a.server in kube-system/coredns-custom serves xcc.test`},
		"from a snippet": {"(x) {\n xcc.test {\n }\n}\nimport x\n", nil, nil, `line 5 of the Corefile in kube-system/coredns serves xcc.test`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			cluster := known(texts{"coredns": {"Corefile": plain + test.main}})
			cluster.ConfigMaps[corefile.Custom()] = corefile.ConfigMap{Data: test.custom, BinaryData: test.binary}
			plan := corefile.Install(cluster, settings())
			g.Expect(plan.Err).To(MatchError(ContainSubstring(test.err)))
			g.Expect(plan.Edits).To(BeEmpty())
		})
	}
}

func TestAConfigurationThatBreaksCoreDNSIsRefused(t *testing.T) {
	t.Parallel()
	custom := map[string]string{
		"a.server": "a.test {\n}\n", "cache.override": "cache 60\n", "block.override": "corp {\n    forward . 192.0.2.2\n}\n",
		"name.override": "corp.example {\n}\n", "open.server": "b.test {\n", "bare": "c.test\nerrors\n", "snippet.conf": "(s) {\n}\n",
	}
	for name, test := range map[string]struct{ main, err string }{
		"a zone twice":                         {plain + "a.test {\n}\nA.test.:053 {\n}\n", `line 6: the server block "A.test.:053": another server block serves a.test.:53, too`},
		"a zone twice, the second imported":    {plain + "a.test {\n}\nimport custom/a.server\n", "line 1 of a.server in kube-system/coredns-custom"},
		"a file twice":                         {plain + "import custom/a.server\nimport custom/a.server\n", "another server block serves a.test.:53, too"},
		"a zone on an address and on all":      {plain + "a.test {\n}\na.test {\n bind 10.0.0.1\n}\n", "another server block serves a.test.:53, too"},
		"a zone on one address":                {plain + "a.test {\n bind 10.0.0.1\n}\na.test {\n bind 10.0.0.2 10.0.0.1\n}\n", "on 10.0.0.1, too"},
		"a zone on an address and a variable":  {plain + "a.test {\n bind 10.0.0.1\n}\na.test {\n bind {$IP}\n}\n", "may serve a.test.:53 on the same address as {$IP}"},
		"a zone and its network":               {plain + "10.0.0.0/15 {\n}\n1.10.in-addr.arpa {\n}\n", "another server block serves 1.10.in-addr.arpa.:53, too"},
		"a block inside a block":               {".:53 {\n import custom/a.server\n}\n", `"a.test" in the server block ".:53" is not a plugin`},
		"a block inside a block by a pattern":  {".:53 {\n import custom/name.*\n}\n", `"corp.example" in the server block ".:53" is not a plugin`},
		"a block with a short name inside one": {".:53 {\n import custom/block.override\n}\n", `"corp" in the server block ".:53" is not a plugin`},
		"a plugin twice":                       {".:53 {\n cache 30\n import custom/cache.override\n}\n", `the server block ".:53" has the plugin cache twice`},
		"a snippet twice in a block":           {"(s) {\n forward . 192.0.2.1\n}\n.:53 {\n import s\n import s\n}\n", `the server block ".:53" imports the plugin forward twice from one line`},
		"a snippet twice":                      {"(s) {\n}\n(s) {\n}\n.:53 {\n}\n", `the snippet "s" is declared twice`},
		"a snippet twice by a file":            {plain + "import custom/snippet.conf\nimport custom/snippet.conf\n", `line 1 of snippet.conf in kube-system/coredns-custom: the snippet "s" is declared twice`},
		"a snippet that imports itself":        {"(s) {\n import s\n}\n.:53 {\n import s\n}\n", `the snippet "s" imports itself`},
		"a snippet after its import":           {".:53 {\n import s\n}\n(s) {\n}\n", "the import s cannot be read"},
		"a snippet with arguments":             {"(s) {\n bind {args[0]}\n}\n.:53 {\n import s 10.0.0.1\n}\n", `import s takes one argument`},
		"a file without a closing brace":       {plain + "import custom/open.server\n", "line 1 of open.server in kube-system/coredns-custom: the brace that opens here is never closed"},
		"a file without braces":                {plain + "import custom/bare\n", `line 2 of bare in kube-system/coredns-custom: the server block ["c.test"] has no braces`},
		"two wildcards":                        {plain + "import custom/*a*\n", "CoreDNS supports only one wildcard"},
		"a class of characters":                {plain + "import custom/[a-z].server\n", "CoreDNS supports only one wildcard"},
		"a pattern that matches folders":       {plain + "import custom/*\n", "it matches the folder /etc/coredns/custom/..data"},
		"a file that is not there":             {plain + "import custom/missing\n", "the import custom/missing cannot be read: there is no such file"},
		"a port that is missing":               {plain + "a.test: {\n}\n", `the key "a.test:" has no port`},
		"an invalid domain name":               {plain + "a..test {\n}\n", `the key "a..test" is not a domain name`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(texts{"coredns": {"Corefile": test.main}, "coredns-custom": custom}), settings())
			g.Expect(plan.Err).To(MatchError(corefile.ErrUnsupported))
			g.Expect(plan.Err).To(MatchError(ContainSubstring("the Corefile in kube-system/coredns cannot be edited: ")))
			g.Expect(plan.Err).To(MatchError(ContainSubstring(test.err)))
			g.Expect(plan.Edits).To(BeEmpty())
		})
	}
}

func TestAnErrorNamesAnUnreadableImport(t *testing.T) {
	t.Parallel()
	name := types.NamespacedName{Namespace: "dns", Name: "release"}
	all := []corefile.Mount{
		{Path: "/etc/coredns/", ConfigMap: name, Items: map[string]string{"Corefile": "Corefile"}},
		{Path: "/etc/coredns/zones", Words: "Secret dns/zones"},
	}
	for what, test := range map[string]struct {
		main   string
		mounts []corefile.Mount
		err    string
	}{
		"at the top":                 {plain + "import extra/*.conf\n", nil, "line 4: the import extra/*.conf cannot be read: it is not known what is mounted at /etc/coredns/extra"},
		"in a block":                 {".:53 {\n import extra.conf\n}\n", nil, "line 2: the import extra.conf cannot be read: it is not known what is mounted at /etc/coredns"},
		"in a plugin":                {".:53 {\n hosts {\n  import extra/hosts\n }\n}\n", nil, "line 3: the import extra/hosts cannot be read"},
		"in a folder of any name":    {plain + "import */x.server\n", nil, "it is not known what is mounted at /etc/coredns/*"},
		"by a variable":              {plain + "import {$EXTRA}\n", all, "the import {$EXTRA} depends on CoreDNS's environment"},
		"in a Secret":                {plain + "import zones/*.server\n", all, "Secret dns/zones is mounted at /etc/coredns/zones"},
		"where a Secret may be":      {plain + "import */x.server\n", all, "Secret dns/zones is mounted at /etc/coredns/zones"},
		"a file that does not exist": {plain + "import extra.conf\n", all, "there is no such file"},
		"where nothing is mounted":   {plain + "import extra/*.conf\n", all, ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(corefile.Cluster{
				Servers: []corefile.Server{{
					Corefile: corefile.File{ConfigMap: name, Key: "Corefile"}, Path: "/etc/coredns/Corefile", Complete: test.mounts != nil, Words: "a release",
					Mounts: test.mounts,
				}},
				ConfigMaps: map[types.NamespacedName]corefile.ConfigMap{name: {Data: map[string]string{"Corefile": test.main, "extra.conf": "errors"}}},
			}, settings())
			if test.err == "" {
				g.Expect(plan.Err).NotTo(HaveOccurred())
				g.Expect(plan.Edits).To(HaveLen(1))
				return
			}
			g.Expect(plan.Err).To(MatchError(corefile.ErrUnsupported))
			g.Expect(plan.Err).To(MatchError(ContainSubstring(test.err)))
			g.Expect(plan.Edits).To(BeEmpty())
		})
	}
}

func TestOurKeyMustBeReadOnce(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ main, err string }{
		"imported twice":           {plain + "import custom/*.server\nimport /etc/coredns/custom/*.server\n", "another server block serves xcc.test.:53, too"},
		"also imported in a block": {".:53 {\n import custom/*.server\n}\nimport custom/*.server\n", "in the server block \".:53\" is not a plugin"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(texts{"coredns": {"Corefile": test.main}, "coredns-custom": {}}), settings())
			g.Expect(plan.Err).To(MatchError(corefile.ErrUnsupported))
			g.Expect(plan.Err).To(MatchError(ContainSubstring("editing breaks it")))
			g.Expect(plan.Err).To(MatchError(ContainSubstring(test.err)))
			g.Expect(plan.Edits).To(BeEmpty())
		})
	}
}

// The kernel distributes queries among sockets on all addresses of a port. The first block of a
// port determines their number.
func TestTheSocketsDoNotChange(t *testing.T) {
	t.Parallel()
	const bound = "a.test {\n    bind 0.0.0.0\n}\n"
	for name, test := range map[string]struct{ main, err string }{
		"beside a block on all addresses":           {plain + bound, `line 4: the block "a.test" listens on all addresses of port 53 in another way than the main block`},
		"beside a block on all addresses of IPv6":   {plain + "a.test {\n    bind 10.0.0.1 ::\n}\n", `line 4: the block "a.test" listens on all addresses`},
		"on all addresses beside a block without":   {".:53 {\n    bind 0.0.0.0\n}\nb.test {\n}\n" + bound, `line 4: the block "b.test" listens on all addresses`},
		"on all addresses as all others":            {".:53 {\n    bind 0.0.0.0\n}\n" + bound, ""},
		"beside a block on all addresses of a port": {plain + "a.test:5353 {\n    bind 0.0.0.0\n}\n", ""},
		"on an address":                               {".:53 {\n    bind 10.0.0.1\n}\nb.test {\n}\n" + bound, ""},
		"behind a block with several sockets":         {".:53 {\n    multisocket 2\n}\nimport custom/*.server\n", ""},
		"in front of a block with several sockets":    {"import custom/*.server\n.:53 {\n    multisocket 2\n}\n", "line 2: the block \".:53\" has the plugin multisocket"},
		"in front of a block with several, elsewhere": {"import custom/*.server\n.:53 {\n}\na.test:5353 {\n    multisocket 2\n}\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(texts{"coredns": {"Corefile": test.main}, "coredns-custom": {}}), settings())
			if test.err == "" {
				g.Expect(plan.Err).NotTo(HaveOccurred())
				g.Expect(plan.Edits).NotTo(BeEmpty())
				return
			}
			g.Expect(plan.Err).To(MatchError(corefile.ErrUnsupported))
			g.Expect(plan.Err).To(MatchError(ContainSubstring(test.err)))
			g.Expect(plan.Edits).To(BeEmpty())
		})
	}
}

func TestErrorsAreBrief(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	plan := corefile.Install(known(texts{"coredns": {"Corefile": plain + "import " + strings.Repeat("é", 100000)}}), settings())
	g.Expect(plan.Err).To(MatchError(corefile.ErrUnsupported))
	g.Expect(len(plan.Err.Error())).To(BeNumerically("<", 600))
}
