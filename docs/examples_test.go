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

package docs_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

func TestGatewayDNSInThePagesAreSamples(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join(root, "config", "samples", "gatewaydns*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	samples := map[string]xccv1.GatewayDNS{}
	for _, file := range files {
		sample := gatewayDNS(g, read(g, "config/samples/"+filepath.Base(file)), file)
		samples[sample.Name] = sample
	}
	shown := 0
	for path, text := range pages(g) {
		for _, block := range blocks(text, "yaml") {
			if regexp.MustCompile(`(?m)^kind: GatewayDNS$`).MatchString(block) {
				shown++
				example := gatewayDNS(g, block, path)
				g.Expect(example).To(Equal(samples[example.Name]), path)
			}
		}
	}
	g.Expect(shown).To(BeNumerically(">=", 2), "README and walkthrough show one")
}

// gatewayDNS parses what it is given as the API server does it for kubectl: an unknown field is an error.
func gatewayDNS(g Gomega, text, where string) xccv1.GatewayDNS {
	var object xccv1.GatewayDNS
	g.Expect(yaml.UnmarshalStrict([]byte(text), &object)).To(Succeed(), where)
	return object
}

func TestYAMLInThePagesParses(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for path, text := range pages(g) {
		for _, block := range blocks(text, "yaml") {
			for document := range strings.SplitSeq(block, "\n---\n") {
				var object map[string]any
				g.Expect(yaml.UnmarshalStrict([]byte(document), &object)).To(Succeed(), "%s: %s", path, document)
			}
		}
	}
}

func TestTargetsOfMakeInThePagesExist(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	targets := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^([a-z0-9-]+):`).FindAllStringSubmatch(read(g, "Makefile"), -1) {
		targets[match[1]] = true
	}
	named := 0
	for path, text := range pages(g) {
		for _, target := range madeTargets(text) {
			named++
			g.Expect(targets).To(HaveKey(target), path)
		}
	}
	g.Expect(named).To(BeNumerically(">", 5))
}

// madeTargets returns what follows "make" in code.
func madeTargets(text string) []string {
	code := blocks(text, "sh")
	for _, match := range inBackquotes.FindAllStringSubmatch(withoutBlocks(text), -1) {
		code = append(code, match[1])
	}
	command := regexp.MustCompile(`(?m)^ *make ([a-z0-9-]+(?: [a-z0-9-]+\b)*)`)
	var targets []string
	for _, match := range command.FindAllStringSubmatch(strings.Join(code, "\n"), -1) {
		targets = append(targets, strings.Fields(match[1])...)
	}
	return targets
}

func TestTargetsOfMakeAreRead(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	text := "Run `make a-b c D=e` and `x`, do not make x.\n\n```sh\nmake f\n  make g\n```\n"
	g.Expect(madeTargets(text)).To(ConsistOf("a-b", "c", "f", "g"))
}

var fence = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")

// blocks returns the fenced blocks of a language, without the indentation of the list that they are in.
func blocks(text, language string) []string {
	var found []string
	for _, match := range fence.FindAllStringSubmatch(text, -1) {
		if match[2] == language {
			found = append(found, regexp.MustCompile(`(?m)^`+match[1]).ReplaceAllString(match[3], ""))
		}
	}
	return found
}

func withoutBlocks(text string) string {
	return fence.ReplaceAllString(text, "")
}
