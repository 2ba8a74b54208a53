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
)

// The page names folders and files, which move when the code does.
func TestPathsInArchitectureExist(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	named := pathsIn(read(g, "docs/architecture.md"))
	for _, path := range named {
		g.Expect(filepath.Join(root, path)).To(Or(BeAnExistingFile(), BeADirectory()), path)
	}
	g.Expect(len(named)).To(BeNumerically(">", 60))
}

// pathsIn returns the paths of the repository that a page names, in code spans and in its diagram.
func pathsIn(page string) []string {
	folder := regexp.MustCompile(`^(?:\.golangci\.yml|[A-Z]+\.md|(?:api|cmd|config|controllers|dnsserver|docs|internal|patcher|templates|test|tools)(?:/[\w./-]+)?)$`)
	var paths []string
	for _, match := range inBackquotes.FindAllStringSubmatch(withoutBlocks(page), -1) {
		if folder.MatchString(match[1]) {
			paths = append(paths, match[1])
		}
	}
	inDiagram := regexp.MustCompile(`(?:controllers|internal)/\w+`)
	return append(paths, inDiagram.FindAllString(strings.Join(blocks(page, "mermaid"), "\n"), -1)...)
}

func TestPathsAreRead(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	page := "In `api/v1alpha1`, `cmd` and `README.md`, not `status.gateways` or `Needs`.\n\n```mermaid\nA[internal/plan] --> B\n```\n"
	g.Expect(pathsIn(page)).To(Equal([]string{"api/v1alpha1", "cmd", "README.md", "internal/plan"}))
}
