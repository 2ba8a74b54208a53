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

package corefile

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coredns/caddy/caddyfile"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"
)

// FuzzExpand asserts that the expansion of any files equals that of CoreDNS's own parser.
func FuzzExpand(f *testing.F) {
	for _, seed := range expandSeeds() {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, main, server, override string) {
		requireExpandedAsByCoreDNS(t, t.TempDir(), main, server, override)
	})
}

// TestRandomFilesAreExpandedLikeCoreDNS asserts the same for files of relevant pieces, which a
// fuzzer seldom finds.
func TestRandomFilesAreExpandedLikeCoreDNS(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 1))
	one := func(of ...string) string { return of[random.IntN(len(of))] }
	seldom := func(rare, usual string) string {
		return one(rare, usual, usual, usual, usual, usual, usual, usual, usual, usual)
	}
	lines := func() string {
		var text strings.Builder
		for range random.IntN(4) {
			text.WriteString(seldom(one("{", "}", "import", "log {", "import *.override"), one("errors", "log x", "import a", "import b", "hosts {\nimport b\n}",
				"hosts {\nx\nimport custom/a.override\n}", `"q\nr" s`, "import custom/a.override", "import custom/*.override")))
			text.WriteString(seldom(" ", one("\n", "\n\n")))
		}
		return text.String()
	}
	blocks := func(upTo int) string {
		var text strings.Builder
		for range random.IntN(upTo) {
			switch random.IntN(8) {
			case 0, 1, 2:
				fmt.Fprintf(&text, "%s {\n%s}\n", one("x", ".", "y,\nz"), lines())
			case 3:
				fmt.Fprintf(&text, "(%s) {\n%s}\n", one("c", "d"), one("y {\nerrors\n}\n", lines()))
			default:
				text.WriteString("import " + seldom(one("c", "d", "a.server"), one("custom/a.server", "custom/*.server", "*.server")) + "\n")
			}
		}
		return text.String()
	}
	folder := t.TempDir()
	expanded := 0
	for range 3000 {
		main := one("(a) {\n"+lines()+"}\n(b) {\n"+lines()+"}\n", "(b) {\n"+lines()+"}\n(a) {\n"+lines()+"}\n") + blocks(5)
		if requireExpandedAsByCoreDNS(t, folder, main, blocks(3), lines()) {
			expanded++
		}
	}
	NewWithT(t).Expect(expanded).To(BeNumerically(">", 100), "enough of the files can be expanded")
}

func expandSeeds() [][3]string {
	return [][3]string{
		{"(a) {\n bind 10.0.0.1\n}\n. {\n import a\n errors\n}\nimport custom/*.server\n", "x.test {\n log\n}\n", "cache 30\n"},
		{". {\n import custom/*.override\n hosts {\n  import custom/a.override\n  fallthrough\n }\n}\n", "", "log\n\"b\nc\" d\n"},
		{"(a) {\n x.test {\n errors\n }\n}\nimport a\n. {\n log\n}\n", "(b) {\n import a\n}\n", "import custom/a.server"},
		{"import custom/a.server\n{\n errors\n}\n", "a.test, b.test", ""},
		{"(c) {\n import b\n errors\n}\n(b) {\n cache\n}\n. {\n import c\n}\n", "", ""},
		{"(b) {\n x 1\n}\n. {\n forward . 1 {\n  import b\n  import b\n }\n}\n", "", ""},
		{". {\n import custom/?.override\n}\nimport custom/*\n", "a {\n}", "errors {"},
		{"(a) {\n import b\n}\n(b) {\n import a\n}\n. {\n import a\n}\n", "", ""},
		{"import custom/a.server\n", "import a.server\n", ""},
	}
}

// requireExpandedAsByCoreDNS compares an expansion with CoreDNS's, and returns whether the files
// can be expanded. CoreDNS accepts some files that expand refuses.
func requireExpandedAsByCoreDNS(t *testing.T, folder, main, server, override string) bool {
	t.Helper()
	texts := main + server + override
	if refersToEnvironment(texts) || strings.Contains(texts, "..") || strings.Contains(texts, "/etc") || strings.Contains(texts, "/proc") || strings.Contains(texts, "/dev") {
		return false // CoreDNS's parser would read the environment or local files.
	}
	name := named("coredns")
	cluster := Cluster{ConfigMaps: map[types.NamespacedName]ConfigMap{
		name:     {Data: map[string]string{corefileKey: main}},
		Custom(): {Data: map[string]string{"a.server": server, "a.override": override}},
	}}
	w, err := cluster.expand(Server{
		Corefile: File{name, corefileKey}, Path: folder + "/Corefile", Complete: true,
		Mounts: []Mount{{Path: folder, ConfigMap: name}, {Path: folder + "/custom", ConfigMap: Custom()}},
	})
	if err != nil {
		return false
	}
	for file, text := range map[string]string{
		"Corefile": main, "custom/a.server": server, "custom/a.override": override, "..data/x": "", "custom/..data/x": "",
		"..2006_01_02_15_04_05.123456789/x": "", "custom/..2006_01_02_15_04_05.123456789/x": "",
	} {
		path := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	blocks, err := caddyfile.Parse(folder+"/Corefile", strings.NewReader(main), nil)
	if err != nil {
		t.Fatalf("CoreDNS refuses it: %v\n%q\n%q\n%q", err, main, server, override)
	}
	if got, want := describe(w.blocks), describeCaddyfile(blocks); got != want {
		t.Fatalf("CoreDNS expands it to\n%s\nand not to\n%s\n%q\n%q\n%q", want, got, main, server, override)
	}
	return true
}

// describe prints server blocks with the tokens and line breaks of each plugin.
func describe(blocks []statement) string {
	var text strings.Builder
	for _, s := range blocks {
		fmt.Fprintf(&text, "%q", s.keys)
		tokens := map[string][]token{}
		depth := 0
		var name string
		for i, t := range s.body {
			switch {
			case depth == 0 && (i == 0 || t.starts && t.text != openBrace):
				name = t.text
			case t.text == openBrace:
				depth++
			case t.text == closeBrace:
				depth--
			}
			tokens[name] = append(tokens[name], t)
		}
		for _, name := range sortedKeys(tokens) {
			text.WriteString("\n ")
			for i, t := range tokens[name] {
				if i > 0 && t.continues(tokens[name][i-1]) {
					text.WriteString(" +")
				}
				fmt.Fprintf(&text, " %q", t.text)
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}

func describeCaddyfile(blocks []caddyfile.ServerBlock) string {
	var text strings.Builder
	for _, b := range blocks {
		fmt.Fprintf(&text, "%q", b.Keys)
		for _, name := range sortedKeys(b.Tokens) {
			text.WriteString("\n ")
			d := caddyfile.NewDispenserTokens("Corefile", b.Tokens[name])
			for i := range b.Tokens[name] {
				if i > 0 && d.NextArg() {
					text.WriteString(" +")
				} else {
					d.Next()
				}
				fmt.Fprintf(&text, " %q", d.Val())
			}
		}
		text.WriteString("\n")
	}
	return text.String()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// TestHostileCorefilesCostLittle limits the cost of a Corefile that an attacker has written.
func TestHostileCorefilesCostLittle(t *testing.T) {
	t.Parallel()
	var doubling strings.Builder
	doubling.WriteString("(s0) {\n errors\n}\n")
	for i := range 60 {
		fmt.Fprintf(&doubling, "(s%d) {\n import s%d\n import s%d\n}\n", i+1, i, i)
	}
	keys := map[string]string{}
	for i := range 50000 {
		keys[fmt.Sprintf("k%d.server", i)] = ""
	}
	for name, test := range map[string]struct {
		main string
		data map[string]string
		err  string
	}{
		"snippets that double":            {doubling.String() + ". {\n import s60\n}\n", nil, "is larger than"},
		"snippets that import each other": {"(a) {\n import b\n}\n(b) {\n import a\n}\n. {\n import a\n}\n", nil, "is larger than"},
		"a file that imports itself":      {"import custom/a.server\n. {\n}\n", map[string]string{"a.server": "import a.server\n"}, "is larger than"},
		"files that import all files":     {"import custom/*.server\n. {\n}\n", map[string]string{"a.server": "import *.server\n", "b.server": "import *.server\n"}, "is larger than"},
		"a megabyte of words":             {". {\n " + strings.Repeat("a ", 1<<19) + "\n}\n", nil, "words"},
		"a megabyte of words in a file":   {"import custom/a.server\n", map[string]string{"a.server": strings.Repeat("a ", 1<<19)}, "has too many words"},
		"a megabyte in quotes":            {". {\n " + strings.Repeat(`""`, 1<<19) + "\n}\n", nil, "words"},
		"a megabyte of braces":            {". {\n a" + strings.Repeat(" {\n", 1<<18), nil, "words"},
		"many patterns over many files":   {". {\n}\n" + strings.Repeat("import custom/*.server\n", 900) + "import custom/*.x\n", keys, "is larger than"},
		"many different patterns":         {". {\n}\n" + differentPatterns(900), keys, "is larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			cluster := oneCorefile(test.main)
			cluster.ConfigMaps[Custom()] = ConfigMap{Data: test.data}
			start := time.Now()
			plan := Install(cluster, Settings{Zones: []string{"xcc.test"}, ClusterIPs: []string{"10.96.0.53"}})
			t.Logf("%s, %d bytes", time.Since(start), len(test.main))
			g.Expect(plan.Err).To(MatchError(ErrUnsupported))
			g.Expect(plan.Err).To(MatchError(ContainSubstring(test.err)))
			g.Expect(plan.Edits).To(BeEmpty())
			g.Expect(len(plan.Err.Error())).To(BeNumerically("<", 1000), "the message is shortened")
		})
	}
}

func differentPatterns(count int) string {
	var text strings.Builder
	for i := range count {
		fmt.Fprintf(&text, "import custom/*.%d\n", i)
	}
	return text.String()
}
