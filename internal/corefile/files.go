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
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// files are the files that a server can import.
type files struct {
	cluster Cluster
	server  Server
	// entries are the files and folders in the mounts, by path. It is nil until the first import of
	// a file.
	entries map[string]entry
	// read caches the tokens of each file.
	read map[string][]token
	// matched caches the files of each pattern.
	matched map[string][]string
	// words and compared are checked against maxTokens and maxCompared.
	words, compared int
}

// entry is a file or a folder in a mount.
type entry struct {
	file     File
	isFolder bool
}

func newFiles(c Cluster, s Server) *files {
	return &files{cluster: c, server: s, read: map[string][]token{}, matched: map[string][]string{}}
}

// isExhausted returns whether a limit is exceeded.
func (f *files) isExhausted() bool {
	return f.words > maxTokens || f.compared > maxCompared
}

// position returns the position of a line for messages.
func (f *files) position(file string, line int) string {
	if file == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("line %d of %s", line, f.name(file))
}

// name returns the name of a file for messages.
func (f *files) name(file string) string {
	if file == "" {
		return f.server.Corefile.String()
	}
	return f.entries[file].file.String()
}

// pattern is the argument of an import statement: a path, which may have a wildcard.
type pattern struct {
	// path is absolute.
	path string
}

func (p pattern) isGlob() bool {
	return strings.ContainsAny(p.path, "*?")
}

// pattern returns the pattern of an import's argument, or an error if it is not supported.
func (f *files) pattern(argument token) (pattern, error) {
	text := argument.text
	if !path.IsAbs(text) {
		text = path.Join(f.folderOf(argument.file), text)
	}
	switch {
	case strings.Count(text, "*") > 1, strings.Count(text, "?") > 1, strings.ContainsAny(text, `[]\`):
		return pattern{}, errors.New("CoreDNS supports only one wildcard *")
	case strings.ContainsAny(text, "*?") && strings.Contains(text, ".."):
		return pattern{}, errors.New("a pattern with .. is not supported")
	}
	return pattern{path: path.Clean(text)}, nil
}

// folderOf returns the folder of a file, at which its relative imports start.
func (f *files) folderOf(file string) string {
	if file == "" {
		file = f.server.Path
	}
	return path.Dir(file)
}

// match returns the paths of the files that match a pattern, in CoreDNS's order. It returns an
// error if they are not known.
func (f *files) match(p pattern) ([]string, error) {
	if found, known := f.matched[p.path]; known {
		f.compared += len(found)
		return found, nil
	}
	if err := f.reachable(p); err != nil {
		return nil, err
	}
	f.load()
	if f.isExhausted() {
		return nil, fmt.Errorf("there are more than %d mounts", maxMounts)
	}
	if !p.isGlob() {
		switch e, found := f.entries[p.path]; {
		case !found:
			return nil, errors.New("there is no such file, and CoreDNS does not start without it")
		case e.isFolder:
			return nil, errors.New("it is a folder, and CoreDNS does not start with it")
		}
		return []string{p.path}, nil
	}
	f.compared += len(f.entries)
	var found []string
	var folder string
	for file, e := range f.entries {
		switch matches, _ := path.Match(p.path, file); {
		case !matches:
		case e.isFolder:
			// The choice is deterministic, so that the message does not change.
			folder = max(folder, file)
		default:
			found = append(found, file)
		}
	}
	if folder != "" {
		return nil, fmt.Errorf("it matches the folder %s, and CoreDNS does not start with it", folder)
	}
	sortPaths(found)
	f.matched[p.path] = found
	return found, nil
}

// sortPaths sorts paths folder by folder, like CoreDNS.
func sortPaths(paths []string) {
	const first = "\x00" // A slash sorts before all characters of names.
	for i := range paths {
		paths[i] = strings.ReplaceAll(paths[i], "/", first)
	}
	slices.Sort(paths)
	for i := range paths {
		paths[i] = strings.ReplaceAll(paths[i], first, "/")
	}
}

// reachable returns an error if a pattern may match files that are not in ConfigMaps.
func (f *files) reachable(p pattern) error {
	isKnown := f.server.Complete
	for _, m := range f.server.Mounts {
		mount := path.Clean(m.Path)
		if !matchesHead(p.path, mount) {
			continue
		}
		if m.ConfigMap.Name == "" {
			return fmt.Errorf("%s is mounted at %s", m.Words, mount)
		}
		isKnown = true
	}
	if !isKnown || !f.server.Complete && strings.ContainsAny(path.Dir(p.path), "*?") {
		return fmt.Errorf("it is not known what is mounted at %s", path.Dir(p.path))
	}
	return nil
}

// matchesHead returns whether a pattern can match the mount or a path below it.
func matchesHead(pattern, mount string) bool {
	head, parts := strings.Split(pattern, "/"), strings.Count(mount, "/")+1
	if mount == "/" || len(head) < parts {
		return mount == "/"
	}
	matches, _ := path.Match(strings.Join(head[:parts], "/"), mount)
	return matches
}

// load fills entries with the files in the mounts.
func (f *files) load() {
	if f.entries != nil {
		return
	}
	f.entries = map[string]entry{}
	if len(f.server.Mounts) > maxMounts {
		f.compared += maxCompared + 1
		return
	}
	for _, m := range f.server.Mounts {
		if m.ConfigMap.Name != "" {
			f.loadMount(m)
		}
	}
	// A mount hides the files of another mount at its path.
	for file, e := range f.entries {
		if f.mountOf(file).ConfigMap != e.file.ConfigMap {
			delete(f.entries, file)
		}
	}
}

// mountOf returns the deepest mount that contains a path.
func (f *files) mountOf(file string) Mount {
	var deepest Mount
	for _, m := range f.server.Mounts {
		mount := path.Clean(m.Path)
		if (file == mount || strings.HasPrefix(file, strings.TrimSuffix(mount, "/")+"/")) && len(mount) > len(path.Clean(deepest.Path)) {
			deepest = m
		}
	}
	return deepest
}

func (f *files) loadMount(m Mount) {
	mount := path.Clean(m.Path)
	add := func(file, key string) {
		if f.cluster.has(File{m.ConfigMap, key}) {
			f.entries[file] = entry{file: File{m.ConfigMap, key}}
		}
	}
	if m.Key != "" {
		add(mount, m.Key)
		return
	}
	addFolder := func(folder string) { f.entries[folder] = entry{file: File{ConfigMap: m.ConfigMap}, isFolder: true} }
	addFolder(mount)
	// The kubelet's own folders, which a pattern with a leading star matches. The second has a
	// timestamp as its name.
	addFolder(path.Join(mount, "..data"))
	addFolder(path.Join(mount, "..2006_01_02_15_04_05.123456789"))
	if m.Items == nil {
		for _, key := range f.cluster.keys(m.ConfigMap) {
			add(path.Join(mount, key), key)
		}
		return
	}
	for file, key := range m.Items {
		file = path.Join(mount, file)
		add(file, key)
		for folder := path.Dir(file); len(folder) > len(mount); folder = path.Dir(folder) {
			addFolder(folder)
		}
	}
}

// tokens returns the tokens of a file that match has returned.
func (f *files) tokens(file string) ([]token, error) {
	if tokens, known := f.read[file]; known {
		return tokens, nil
	}
	text := f.cluster.text(f.entries[file].file)
	f.words += maxWords(text)
	if f.words > maxTokens {
		return nil, fmt.Errorf("%s has too many words", f.name(file))
	}
	if text != "" {
		f.read[file] = tokenize(text, file)
	}
	return f.read[file], nil
}
