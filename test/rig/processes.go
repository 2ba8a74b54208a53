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
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a process of this machine, as /proc shows it.
type process struct {
	pid  int
	args []string
}

// program is the name of what runs.
func (p process) program() string { return filepath.Base(p.args[0]) }

// pidNamespace names the process namespace; it is empty when the process is gone.
func (p process) pidNamespace() string {
	namespace, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.pid))
	return namespace
}

// processes lists all processes that have arguments.
func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var found []process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		content, err := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if err != nil || len(content) == 0 {
			continue // It is gone, or it is the kernel's.
		}
		found = append(found, process{pid: pid, args: strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")})
	}
	return found, nil
}

// mark is an argument that the first processes of a rig's nodes carry. To find
// them by it is exact, needs no record that a killed run might not have
// written, and is not fooled by a process number that is used again.
func mark(dir string) string { return "xcc-rig=" + dir }

// marked returns the processes that carry the mark of the rig.
func marked(dir string) ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p process) bool { return !slices.Contains(p.args, mark(dir)) }), nil
}

// end kills the process and waits until it is gone.
func (p process) end(ctx context.Context) error {
	_ = syscall.Kill(p.pid, syscall.SIGKILL) // It fails when the process is gone.
	return p.waitGone(ctx)
}

func (p process) waitGone(ctx context.Context) error {
	return poll(ctx, fmt.Sprintf("process %d (%s) ends", p.pid, p.program()), func() bool {
		return gone(p.pid)
	})
}

// gone is true for a zombie too: it holds nothing any more.
func gone(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(content), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}

// poll waits until a claim about this machine holds, 30 seconds at most.
func poll(ctx context.Context, claim string, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", claim, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}
