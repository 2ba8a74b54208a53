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
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
)

// FuzzEnsure asserts for any text: an error changes nothing; otherwise the result parses, holds one block for the zone and
// is stable, and Remove gives back what there would be without us.
func FuzzEnsure(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	settings := Settings{Zones: []string{"xcc.test"}, ClusterIPs: []string{"10.96.0.53"}}
	f.Fuzz(func(t *testing.T, text string) {
		ensured, err := Ensure(text, settings)
		if err != nil {
			if ensured != "" {
				t.Fatalf("an error and a text: %q", ensured)
			}
			return
		}
		requireAcceptedByCoreDNS(t, ensured)
		if blocks := blocksFor(t, ensured, "xcc.test"); len(blocks) != 1 {
			t.Fatalf("%d blocks in %q", len(blocks), ensured)
		}
		if again, err := Ensure(ensured, settings); err != nil || again != ensured {
			t.Fatalf("not stable: %v\n%q\n%q", err, ensured, again)
		}
		without := text
		if len(blocksFor(t, text, "xcc.test")) > 0 {
			if without, err = Remove(text, settings); err != nil {
				return // A text that is complete as it is needs no edit, and may be one that cannot be edited.
			}
		}
		if removed, err := Remove(ensured, settings); err != nil || removed != without {
			t.Fatalf("not given back: %v\n%q\n%q", err, without, removed)
		}
	})
}

func seeds() []string {
	return []string{
		".:53 {\n    errors\n    forward . /etc/resolv.conf {\n        max_concurrent 1000\n    }\n    reload\n}\n",
		".:53 {\n\terrors\n}\n\nxcc.test:53 {\n    errors\n    forward . 10.96.0.53 {\n        max_concurrent 1000\n    }\n}\n",
		".:53 {\r\n    errors\r\n}\r",
		". { }\r",
		"(a) {\n errors\n}\na, b:53 {\n import a\n}\nimport /x/*.server",
		"### BEGIN CROSS CLUSTER CONNECTIVITY\nxcc.test {\n    forward . 10.96.0.53\n    reload\n}\n### END CROSS CLUSTER CONNECTIVITY\n",
		"\ufeffxcc.test\n{\nforward . 10.96.0.53\n}\nxcc.test {\nforward . 10.96.0.53\n}\n",
		". {\n template \"a }\n {\" b#c d\n}\n\"",
		"xcc.test {\nforward . 192.0.2.1\n}",
		"{$A} {\n}\n",
		"impo\rrt 0",
		".:8053 {\n}\n",
		". {\n bind 192.0.2.1\n}\n",
	}
}

// requireAcceptedByCoreDNS runs CoreDNS's own parser over the text, unless it would read files or the environment.
func requireAcceptedByCoreDNS(t *testing.T, text string) {
	t.Helper()
	statements, err := parse(text)
	if err != nil {
		t.Fatalf("does not parse: %v\n%q", err, text)
	}
	if slices.ContainsFunc(tokenize(text), func(t token) bool { return t.text == importWord || refersToEnvironment(t.text) }) {
		return
	}
	blocks, err := caddyfile.Parse("Corefile", strings.NewReader(text), nil)
	if err != nil {
		t.Fatalf("CoreDNS refuses it: %v\n%q", err, text)
	}
	i := 0
	for _, s := range statements {
		if s.isSnippet() {
			continue
		}
		if i == len(blocks) || strings.Join(blocks[i].Keys, " ") != strings.Join(s.keys, " ") {
			t.Fatalf("CoreDNS sees other blocks: %v\n%q", blocks, text)
		}
		i++
	}
	if i != len(blocks) {
		t.Fatalf("CoreDNS sees more blocks: %v\n%q", blocks, text)
	}
}

func blocksFor(t *testing.T, text, zone string) []statement {
	t.Helper()
	statements, err := parse(text)
	if err != nil {
		t.Fatalf("does not parse: %v\n%q", err, text)
	}
	var blocks []statement
	for _, s := range statements {
		if servesZone(s, zone) {
			blocks = append(blocks, s)
		}
	}
	return blocks
}
