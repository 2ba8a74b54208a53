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

// removeRig removes a rig, whatever state it is in.
func removeRig(ctx context.Context, name, dir string) error {
	found, err := marked(dir)
	if err != nil {
		return err
	}
	for _, p := range found {
		// With the first process of a node all others of it are killed, and this
		// wait is over only when they are.
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

// removeControlGroups removes the empty control groups that containers leave
// behind when they are killed, in each hierarchy of version 1 and in the one of
// version 2. containerd's state, which is in the rig's folder, names them.
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
			// The kernel takes a moment to see that it is empty.
			if err := poll(ctx, group+" can be removed", func() bool { return removeTree(group) == nil }); err != nil {
				return err
			}
		}
		// It stays while it has the groups of another rig, or of the machine's own containerd.
		_ = syscall.Rmdir(parent)
	}
	return nil
}

// removeTree removes folders from the leaves up. The files in them are the
// kernel's and go along.
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
