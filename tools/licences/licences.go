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

package licences

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"unicode"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/image"
)

// Folder is the folder for licences in an image, as Red Hat's certification requires.
const Folder = "/licenses"

// Sources locates the licences.
type Sources struct {
	// ModuleCache is the folder that "go env GOMODCACHE" prints.
	ModuleCache string
	// GoRoot is the folder that "go env GOROOT" prints. It must be of the version of Go that built the programs.
	GoRoot string
}

var (
	// textName matches the names of files that state rights or conditions. NOTICE and AUTHORS are among them because Apache-2.0
	// and the BSD licences refer to them.
	textName = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|copyright|notice|patents|authors)([._-].*)?$`)
	// grantName matches the names of files that can grant the right to redistribute.
	grantName = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying)([._-].*)?$`)
)

// origin is a module in one version, or the standard library.
type origin struct {
	// name is the module's path and version, for example "sigs.k8s.io/yaml@v1.6.0".
	name string
	// folder holds the source of the module.
	folder string
	// rootOnly leaves out subfolders. Those of GOROOT are mostly tools that are not linked.
	rootOnly bool
}

// Of returns the licence texts of the standard library and of every module that is linked into the programs, sorted, as files
// named "/licenses/<module>@<version>/<path in the module>". It fails if a module is not in the cache, has no licence at its root or
// is replaced by a folder, or if another version of Go than that of GoRoot built a program.
func Of(sources Sources, programs ...*debug.BuildInfo) ([]image.File, error) {
	origins, err := sources.origins(programs)
	if err != nil {
		return nil, err
	}
	var files []image.File
	var errs []error
	for _, origin := range origins {
		texts, err := origin.texts()
		if err != nil {
			errs = append(errs, fmt.Errorf("collecting the licence of %s: %w", origin.name, err))
		}
		files = append(files, texts...)
	}
	return files, errors.Join(errs...)
}

// origins returns the modules that are linked into the programs and the standard library, each once, sorted by name.
func (s Sources) origins(programs []*debug.BuildInfo) ([]origin, error) {
	var all []origin
	var errs []error
	for _, program := range programs {
		std, err := s.standardLibrary(program.GoVersion)
		all, errs = append(all, std), append(errs, err)
		for _, module := range program.Deps {
			found, err := s.module(module)
			all, errs = append(all, found), append(errs, err)
		}
	}
	slices.SortFunc(all, func(a, b origin) int { return strings.Compare(a.name, b.name) })
	return slices.Compact(all), errors.Join(errs...)
}

// standardLibrary returns the standard library of this version of Go. Experiments may follow the version after a space.
func (s Sources) standardLibrary(version string) (origin, error) {
	version, _, _ = strings.Cut(version, " ")
	content, err := os.ReadFile(filepath.Join(s.GoRoot, "VERSION"))
	if err != nil {
		return origin{}, fmt.Errorf("reading the version of Go: %w", err)
	}
	if found, _, _ := strings.Cut(string(content), "\n"); found != version {
		return origin{}, fmt.Errorf("the program was built by %s, and %s holds %s", version, s.GoRoot, found)
	}
	return origin{name: "std@" + strings.TrimPrefix(version, "go"), folder: s.GoRoot, rootOnly: true}, nil
}

func (s Sources) module(module *debug.Module) (origin, error) {
	if module.Replace != nil {
		module = module.Replace
	}
	if module.Version == "" {
		return origin{}, fmt.Errorf("a module is replaced by the folder %s, and only modules with a version are released", module.Path)
	}
	name := module.Path + "@" + module.Version
	return origin{name: name, folder: filepath.Join(s.ModuleCache, filepath.FromSlash(escaped(name)))}, nil
}

// texts returns the licence texts of the origin, sorted by name. Code that a module copied has its licence in a
// subfolder. Files in testdata are no part of a program.
func (o origin) texts() ([]image.File, error) {
	var files []image.File
	granted := false
	err := fs.WalkDir(os.DirFS(o.folder), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name != "." && (o.rootOnly || entry.Name() == "testdata") {
				return fs.SkipDir
			}
		case entry.Type().IsRegular() && textName.MatchString(entry.Name()) && path.Ext(name) != ".go":
			granted = granted || path.Dir(name) == "." && grantName.MatchString(name)
			files = append(files, image.File{Name: path.Join(Folder, o.name, name), Source: filepath.Join(o.folder, filepath.FromSlash(name))})
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf(`it is not in the module cache, which "go mod download" fills: %w`, err)
	case err != nil:
		return nil, fmt.Errorf("listing its files: %w", err)
	case !granted:
		return nil, errors.New("no file at its root is called LICENSE, COPYING or similar")
	}
	return files, nil
}

// escaped returns a path in the form of the module cache, which has an exclamation mark and the lower-case letter for each
// upper-case letter (https://go.dev/ref/mod#module-cache).
func escaped(name string) string {
	var escaped strings.Builder
	for _, letter := range name {
		if unicode.IsUpper(letter) {
			escaped.WriteByte('!')
		}
		escaped.WriteRune(unicode.ToLower(letter))
	}
	return escaped.String()
}
