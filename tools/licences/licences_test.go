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

package licences_test

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/licences"
)

// sources makes a GOROOT of go1.26.0 and a module cache with these files.
func sources(t *testing.T, files ...string) licences.Sources {
	t.Helper()
	g := NewWithT(t)
	folder := t.TempDir()
	write := func(path, content string) {
		path = filepath.Join(folder, path)
		g.Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(path, []byte(content), 0o644)).To(Succeed())
	}
	write("go/VERSION", "go1.26.0\ntime 2026-02-10T00:00:00Z\n")
	write("go/LICENSE", "BSD")
	write("go/src/cmd/vendor/LICENSE", "of a tool")
	for _, file := range files {
		write("mod/"+file, file)
	}
	return licences.Sources{ModuleCache: filepath.Join(folder, "mod"), GoRoot: filepath.Join(folder, "go")}
}

func built(modules ...*debug.Module) *debug.BuildInfo {
	return &debug.BuildInfo{GoVersion: "go1.26.0", Deps: modules}
}

func TestEveryLinkedModuleHasItsLicences(t *testing.T) {
	t.Parallel()
	a := &debug.Module{Path: "example.com/a", Version: "v1.0.0"}
	for name, test := range map[string]struct {
		files    []string
		programs []*debug.BuildInfo
		expected []string
	}{
		"the standard library": {
			programs: []*debug.BuildInfo{{GoVersion: "go1.26.0 X:boringcrypto"}},
		},
		"a module of two programs": {
			files:    []string{"example.com/a@v1.0.0/LICENSE", "example.com/a@v1.0.0/a.go"},
			programs: []*debug.BuildInfo{built(a), built(a)},
			expected: []string{"/licenses/example.com/a@v1.0.0/LICENSE"},
		},
		"all texts, and no code or test data": {
			files: []string{
				"example.com/a@v1.0.0/COPYING.md", "example.com/a@v1.0.0/NOTICE.txt", "example.com/a@v1.0.0/PATENTS",
				"example.com/a@v1.0.0/license.go", "example.com/a@v1.0.0/licensing.txt", "example.com/a@v1.0.0/testdata/LICENSE",
			},
			programs: []*debug.BuildInfo{built(a)},
			expected: []string{
				"/licenses/example.com/a@v1.0.0/COPYING.md", "/licenses/example.com/a@v1.0.0/NOTICE.txt",
				"/licenses/example.com/a@v1.0.0/PATENTS",
			},
		},
		"code that was copied from elsewhere": {
			files:    []string{"example.com/a@v1.0.0/license.md", "example.com/a@v1.0.0/third_party/b/LICENSE-MIT"},
			programs: []*debug.BuildInfo{built(a)},
			expected: []string{"/licenses/example.com/a@v1.0.0/license.md", "/licenses/example.com/a@v1.0.0/third_party/b/LICENSE-MIT"},
		},
		"upper case and a replacement": {
			files:    []string{"github.com/!owner/a@v1.0.0-!r!c1/UNLICENSE", "example.com/a@v1.0.0/LICENSE"},
			programs: []*debug.BuildInfo{built(&debug.Module{Path: "example.com/a", Version: "v1.0.0", Replace: &debug.Module{Path: "github.com/Owner/a", Version: "v1.0.0-RC1"}})},
			expected: []string{"/licenses/github.com/Owner/a@v1.0.0-RC1/UNLICENSE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			sources := sources(t, test.files...)

			files, err := licences.Of(sources, test.programs...)

			g.Expect(err).NotTo(HaveOccurred())
			var names []string
			for _, file := range files {
				names = append(names, file.Name)
				g.Expect(file.Source).To(BeARegularFile())
			}
			g.Expect(names).To(Equal(append(test.expected, "/licenses/std@1.26.0/LICENSE")))
		})
	}
}

func TestAMissingLicenceIsAnError(t *testing.T) {
	t.Parallel()
	a := &debug.Module{Path: "example.com/a", Version: "v1.0.0"}
	for name, test := range map[string]struct {
		files   []string
		program *debug.BuildInfo
		message string
	}{
		"a module that is not in the cache": {nil, built(a), `licence of example.com/a@v1.0.0: it is not in the module cache, which "go mod download" fills`},
		"a module without a licence": {
			[]string{"example.com/a@v1.0.0/NOTICE", "example.com/a@v1.0.0/b/LICENSE"}, built(a),
			"licence of example.com/a@v1.0.0: no file at its root is called LICENSE",
		},
		"a folder in place of a module": {
			nil, built(&debug.Module{Path: "example.com/a", Version: "v1.0.0", Replace: &debug.Module{Path: "../a"}}),
			"replaced by the folder ../a",
		},
		"another Go": {nil, &debug.BuildInfo{GoVersion: "go1.26.1"}, "was built by go1.26.1, and"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)

			_, err := licences.Of(sources(t, test.files...), test.program)

			g.Expect(err).To(MatchError(ContainSubstring(test.message)))
		})
	}
}
