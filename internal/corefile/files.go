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

// files are those that a CoreDNS can import.
type files struct {
	cluster Cluster
	server  Server
	// entries are the files and folders in the mounts by their paths. It is nil before the first import of a file.
	entries map[string]entry
	// read holds the tokens of the files, and matched the files of the patterns.
	read    map[string][]token
	matched map[string][]string
	// words and compared count what that costs.
	words, compared int
}

// entry is a file in a mount, or a folder.
type entry struct {
	file     File
	isFolder bool
}

func newFiles(c Cluster, s Server) *files {
	return &files{cluster: c, server: s, read: map[string][]token{}, matched: map[string][]string{}}
}

// isExhausted returns whether there is more to read than is supported.
func (f *files) isExhausted() bool {
	return f.words > maxTokens || f.compared > maxCompared
}

// place says for messages where a line is.
func (f *files) place(file string, line int) string {
	if file == "" {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("line %d of %s", line, f.name(file))
}

// name is how messages call the file at a path.
func (f *files) name(file string) string {
	if file == "" {
		return f.server.Corefile.String()
	}
	return f.entries[file].file.String()
}

// pattern is what an import statement names: a file, or with a wildcard any number of them.
type pattern struct {
	// path is absolute.
	path string
}

func (p pattern) isGlob() bool {
	return strings.ContainsAny(p.path, "*?")
}

// pattern returns what an import statement names, or why that is not known.
func (f *files) pattern(argument token) (pattern, error) {
	text := argument.text
	if !path.IsAbs(text) {
		text = path.Join(f.folderOf(argument.file), text)
	}
	switch {
	case strings.Count(text, "*") > 1, strings.Count(text, "?") > 1, strings.ContainsAny(text, `[]\`):
		return pattern{}, errors.New("CoreDNS takes one wildcard * and no other ones")
	case strings.ContainsAny(text, "*?") && strings.Contains(text, ".."):
		return pattern{}, errors.New("a pattern with .. is not supported")
	}
	return pattern{path: path.Clean(text)}, nil
}

// folderOf returns the folder at which relative imports of a file start.
func (f *files) folderOf(file string) string {
	if file == "" {
		file = f.server.Path
	}
	return path.Dir(file)
}

// match returns the paths of the files that a pattern stands for, as CoreDNS orders them, or why they are not known.
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
			return nil, errors.New("it is a folder, with which CoreDNS does not start")
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
			// The same one each time, because the message is compared with the one before.
			folder = max(folder, file)
		default:
			found = append(found, file)
		}
	}
	if folder != "" {
		return nil, fmt.Errorf("it matches the folder %s, with which CoreDNS does not start", folder)
	}
	sortPaths(found)
	f.matched[p.path] = found
	return found, nil
}

// sortPaths sorts as CoreDNS does, folder by folder.
func sortPaths(paths []string) {
	const first = "\x00" // A slash sorts in front of what names are made of.
	for i := range paths {
		paths[i] = strings.ReplaceAll(paths[i], "/", first)
	}
	slices.Sort(paths)
	for i := range paths {
		paths[i] = strings.ReplaceAll(paths[i], first, "/")
	}
}

// reachable returns an error if a pattern can match files that are not in ConfigMaps.
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

// matchesHead returns whether a pattern matches paths below a mount, or the mount itself.
func matchesHead(pattern, mount string) bool {
	head, parts := strings.Split(pattern, "/"), strings.Count(mount, "/")+1
	if mount == "/" || len(head) < parts {
		return mount == "/"
	}
	matches, _ := path.Match(strings.Join(head[:parts], "/"), mount)
	return matches
}

// load lists the files in the mounts.
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
	// A mount hides what another one has at its path.
	for file, e := range f.entries {
		if f.mountOf(file).ConfigMap != e.file.ConfigMap {
			delete(f.entries, file)
		}
	}
}

// mountOf returns the mount in which a path is: the deepest one.
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
	// Kubelet's own, which a pattern with a star in front matches. The second is named for the time.
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

// tokens returns those of a file that match returned.
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
