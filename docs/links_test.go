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

func TestLinksBetweenThePagesResolve(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	followed := 0
	for path, text := range pages(g) {
		for _, match := range link.FindAllStringSubmatch(withoutBlocks(text), -1) {
			if strings.Contains(match[1], "://") {
				continue
			}
			followed++
			file, anchor, _ := strings.Cut(match[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
				g.Expect(filepath.Join(root, target)).To(Or(BeAnExistingFile(), BeADirectory()), "%s links to %s", path, match[1])
			}
			if anchor != "" {
				g.Expect(anchors(read(g, target))).To(ContainElement(anchor), "%s links to %s", path, match[1])
			}
		}
	}
	g.Expect(followed).To(BeNumerically(">", 20))
}

// anchors returns the anchors that GitHub gives the headings of a page: in lower case, without punctuation, with a hyphen
// for each space.
func anchors(text string) []string {
	var found []string
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(withoutBlocks(text), -1) {
		words := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		found = append(found, strings.ReplaceAll(words, " ", "-"))
	}
	return found
}
