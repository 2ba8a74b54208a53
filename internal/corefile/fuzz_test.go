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
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/caddy/caddyfile"
	"k8s.io/apimachinery/pkg/types"
)

// FuzzEnsure asserts for any text that a refused text is not changed. Otherwise, the result has one
// block for the zone, a second call changes nothing, and remove restores the text.
func FuzzEnsure(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed)
	}
	settings := Settings{Zones: []string{"xcc.test"}, ClusterIPs: []string{"10.96.0.53"}}
	f.Fuzz(func(t *testing.T, text string) {
		ensured, err := ensure(text, settings)
		if err != nil {
			requireUntouched(t, text, ensured, settings)
			return
		}
		requireAcceptedByCoreDNS(t, ensured)
		if blocks := blocksFor(t, ensured, "xcc.test"); len(blocks) != 1 {
			t.Fatalf("%d blocks in %q", len(blocks), ensured)
		}
		if again, err := ensure(ensured, settings); err != nil || again != ensured {
			t.Fatalf("not stable: %v\n%q\n%q", err, ensured, again)
		}
		without := text
		if len(blocksFor(t, text, "xcc.test")) > 0 {
			if without, err = remove(text, settings); err != nil {
				return // A text that needs no edit may be one that cannot be edited.
			}
		}
		if removed, err := remove(ensured, settings); err != nil || removed != without {
			t.Fatalf("not restored: %v\n%q\n%q", err, without, removed)
		}
	})
}

func ensure(text string, settings Settings) (string, error) {
	cluster := oneCorefile(text)
	plan := Install(cluster, settings)
	return cluster.with(plan.Edits).text(cluster.Servers[0].Corefile), plan.Err
}

func remove(text string, settings Settings) (string, error) {
	cluster := oneCorefile(text)
	plan := Uninstall(cluster, settings)
	return cluster.with(plan.Edits).text(cluster.Servers[0].Corefile), plan.Err
}

func oneCorefile(text string) Cluster {
	return Cluster{Servers: Known(), ConfigMaps: map[types.NamespacedName]ConfigMap{named("coredns"): {Data: map[string]string{corefileKey: text}}}}
}

// requireUntouched asserts that a refused text is unchanged, except that our block beside a foreign
// one is removed.
func requireUntouched(t *testing.T, text, ensured string, settings Settings) {
	t.Helper()
	if ensured == text {
		return
	}
	if removed, err := remove(text, settings); err != nil || removed != ensured {
		t.Fatalf("refused and written: %v\n%q\n%q", err, ensured, removed)
	}
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

// requireAcceptedByCoreDNS parses the text with CoreDNS's own parser, unless it would read files or
// the environment.
func requireAcceptedByCoreDNS(t *testing.T, text string) {
	t.Helper()
	statements, err := parse(text)
	if err != nil {
		t.Fatalf("does not parse: %v\n%q", err, text)
	}
	if slices.ContainsFunc(tokenize(text, ""), func(t token) bool { return t.text == importWord || refersToEnvironment(t.text) }) {
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
	w, err := oneCorefile(text).expand(Known()[0])
	if err != nil {
		t.Fatalf("cannot be expanded: %v\n%q", err, text)
	}
	o, err := ownerOf(w, Settings{Zones: []string{zone}})
	if err != nil {
		t.Fatalf("no listener: %v\n%q", err, text)
	}
	var blocks []statement
	for _, s := range statements {
		if servesZone(s, zone, o.listen.port) {
			blocks = append(blocks, s)
		}
	}
	return blocks
}

// FuzzInstall asserts for any texts of the three files that the result parses, and that no zone has
// two blocks in the expanded configuration. Uninstall must restore the texts, even if the Corefile
// is edited in between.
func FuzzInstall(f *testing.F) {
	for i, seed := range seeds() {
		f.Add(seed, seeds()[(i+1)%len(seeds())], seeds()[(i+2)%len(seeds())], "# Edited.\n")
	}
	f.Add(". {\n}\nimport custom/*.server\n", "", "a.test {\n}\n", "b.test {\n}\n")
	f.Add(". {\n}\nimport custom/*.server\n", "xcc.test {\n}\n", "", "")
	settings := Settings{Zones: []string{"xcc.test"}, ClusterIPs: []string{"10.96.0.53"}}
	f.Fuzz(func(t *testing.T, main, custom, cache, edit string) {
		cluster := Cluster{Servers: Known(), ConfigMaps: map[types.NamespacedName]ConfigMap{
			named("coredns"): {Data: map[string]string{corefileKey: main}}, Custom(): {Data: map[string]string{"a.server": custom}},
			named("node-local-dns"): {Data: map[string]string{corefileKey: cache}},
		}}
		pristine := requireGone(t, cluster, settings)
		plan := Install(pristine, settings)
		installed := pristine.with(plan.Edits)
		requireNoTwoBlocks(t, installed)
		again := settings
		again.Written = plan.Written
		if edits := Install(installed, again).Edits; len(edits) > 0 {
			t.Fatalf("not stable: %+v", edits)
		}
		if gone := requireGone(t, installed, again); !reflect.DeepEqual(gone, pristine) {
			t.Fatalf("not restored:\n%q\n%q", pristine.ConfigMaps, gone.ConfigMaps)
		}
		if len(plan.Edits) == 0 {
			return
		}
		// A user adds lines at the beginning, and the ClusterIP is no longer known.
		if _, err := parse(edit); err != nil || !strings.HasSuffix(edit, "\n") || len(blocksNamed(edit)) > 0 {
			return
		}
		edited, wanted := prefixed(installed, edit), prefixed(pristine, edit)
		if gone := requireGone(t, edited, Settings{Zones: settings.Zones, Written: plan.Written}); !reflect.DeepEqual(gone, wanted) {
			t.Fatalf("not restored after an edit:\n%q\n%q", wanted.ConfigMaps, gone.ConfigMaps)
		}
	})
}

// requireGone uninstalls our blocks, and asserts that a second Uninstall changes nothing.
func requireGone(t *testing.T, cluster Cluster, settings Settings) Cluster {
	t.Helper()
	gone := cluster.with(Uninstall(cluster, settings).Edits)
	if edits := Uninstall(gone, settings).Edits; len(edits) > 0 {
		t.Fatalf("the second Uninstall has edits: %+v", edits)
	}
	return gone
}

func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: Namespace, Name: name}
}

// requireNoTwoBlocks asserts that the expanded configurations pass the check.
func requireNoTwoBlocks(t *testing.T, cluster Cluster) {
	t.Helper()
	for _, s := range cluster.Servers {
		if !cluster.exists(s) || !strings.Contains(cluster.text(s.Corefile)+cluster.text(File{Custom(), CustomKey}), "Kept by dns-config-patcher") {
			continue
		}
		w, err := cluster.expand(s)
		if err == nil {
			err = w.check()
		}
		if err != nil && s.Corefile.ConfigMap.Name != "node-local-dns" {
			t.Fatalf("CoreDNS would not start: %v\n%q", err, cluster.ConfigMaps)
		}
	}
}

// blocksNamed returns the blocks for the zone on any port.
func blocksNamed(text string) []statement {
	statements, _ := parse(text)
	return slices.DeleteFunc(statements, func(s statement) bool {
		return s.isImport() || !slices.ContainsFunc(s.keys, func(key string) bool {
			zone, _ := splitKey(key)
			return strings.EqualFold(zone, "xcc.test")
		})
	})
}

// prefixed adds lines at the beginning of the main Corefile.
func prefixed(cluster Cluster, lines string) Cluster {
	result := cluster.with([]Edit{{File: File{named("coredns"), corefileKey}, Text: cluster.text(File{named("coredns"), corefileKey})}})
	main := result.ConfigMaps[named("coredns")].Data
	main[corefileKey] = lines + main[corefileKey]
	return result
}
