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

// Package docs_test fails when the documentation says something else than the programs, the configuration, the API or the
// Makefile do. It reads the pages as text and asks the others themselves.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// root is the repository's folder.
const root = ".."

// pages returns every page of the documentation, by its path below the repository's folder.
func pages(g Gomega) map[string]string {
	paths := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"}
	g.Expect(filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, filepath.Join("docs", path))
		}
		return err
	})).To(Succeed())
	texts := map[string]string{}
	for _, path := range paths {
		texts[path] = read(g, path)
	}
	g.Expect(texts).To(HaveKey("docs/reference.md"))
	return texts
}

func read(g Gomega, path string) string {
	text, err := os.ReadFile(filepath.Join(root, path))
	g.Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// section returns what is below a heading, up to the next one that is not deeper.
func section(g Gomega, text, heading string) string {
	_, below, found := strings.Cut(text, "\n"+heading+"\n")
	g.Expect(found).To(BeTrue(), "the page has the heading %q", heading)
	level := strings.Index(heading, " ")
	if end := regexp.MustCompile(`(?m)^#{1,` + string(rune('0'+level)) + `} `).FindStringIndex(below); end != nil {
		below = below[:end[0]]
	}
	return below
}

// rows returns the cells of every row of the tables in the text, but for those of their heads.
func rows(text string) [][]string {
	var rows [][]string
	head := true
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			head = true
		case strings.HasPrefix(line, "|--"):
			head = false
		case !head:
			cells := strings.Split(strings.Trim(line, "|"), "|")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			rows = append(rows, cells)
		}
	}
	return rows
}

// firstCells returns what stands in backquotes in the first cell of each row.
func firstCells(text string) []string {
	var names []string
	for _, row := range rows(text) {
		for _, match := range inBackquotes.FindAllStringSubmatch(row[0], -1) {
			names = append(names, match[1])
		}
	}
	return names
}

var inBackquotes = regexp.MustCompile("`([^`]+)`")

func TestTablesAreRead(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	table := "text\n\n| a | b |\n|---|---|\n| `x`, `y` | 1 |\n| `z` | |\n"
	g.Expect(rows(table)).To(Equal([][]string{{"`x`, `y`", "1"}, {"`z`", ""}}))
	g.Expect(firstCells(table)).To(Equal([]string{"x", "y", "z"}))
	g.Expect(section(g, "\n# a\n\n## b\nin b\n### c\nin c\n## d\n", "## b")).To(Equal("in b\n### c\nin c\n"))
}
