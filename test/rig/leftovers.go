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

package rig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// removeRig removes a rig in any state.
func removeRig(ctx context.Context, name, dir string) error {
	found, err := marked(dir)
	if err != nil {
		return err
	}
	for _, p := range found {
		// The kernel kills all processes of a node with its first one. end waits for all of them.
		if err := p.end(ctx); err != nil {
			return err
		}
	}
	if err := removeNetwork(ctx, name); err != nil {
		return err
	}
	if err := removeControlGroups(ctx, dir); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the state folder: %w", err)
	}
	return nil
}

// removeControlGroups removes the empty control groups of killed containers, in all hierarchies of
// version 1 and in that of version 2. Their names are in containerd's state, in the rig's folder.
func removeControlGroups(ctx context.Context, dir string) error {
	containers, err := filepath.Glob(filepath.Join(dir, "*", "root", "run", "containerd", "state", "*", "k8s.io", "*"))
	if err != nil {
		return err
	}
	parents, err := filepath.Glob("/sys/fs/cgroup/*/k8s.io")
	if err != nil {
		return err
	}
	parents = append(parents, "/sys/fs/cgroup/k8s.io")
	for _, parent := range parents {
		for _, container := range containers {
			group := filepath.Join(parent, filepath.Base(container))
			// The kernel may not have removed the last process from the group yet.
			if err := poll(ctx, group+" can be removed", func() bool { return removeTree(group) == nil }); err != nil {
				return err
			}
		}
		// Rmdir fails while the folder has groups of another rig or of the machine's own
		// containerd.
		_ = syscall.Rmdir(parent)
	}
	return nil
}

// removeTree removes folders, the deepest first. The kernel removes the files in them.
func removeTree(root string) error {
	var folders []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := syscall.Rmdir(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
