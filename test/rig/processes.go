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

// process is a process in /proc.
type process struct {
	pid  int
	args []string
}

// program returns the name of the executable.
func (p process) program() string { return filepath.Base(p.args[0]) }

// pidNamespace returns the process namespace, or "" if the process has ended.
func (p process) pidNamespace() string {
	namespace, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", p.pid))
	return namespace
}

// processes returns all processes with arguments.
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
			continue // The process has ended, or is a kernel thread.
		}
		found = append(found, process{pid: pid, args: strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")})
	}
	return found, nil
}

// mark returns an argument of the first processes of a rig's nodes. It identifies them without a
// record, which a killed run may not have written, and even if a process ID is reused.
func mark(dir string) string { return "xcc-rig=" + dir }

// marked returns the processes with the mark of the rig.
func marked(dir string) ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p process) bool { return !slices.Contains(p.args, mark(dir)) }), nil
}

// end kills the process and waits until it has ended.
func (p process) end(ctx context.Context) error {
	_ = syscall.Kill(p.pid, syscall.SIGKILL) // It fails if the process has ended.
	return p.waitGone(ctx)
}

func (p process) waitGone(ctx context.Context) error {
	return poll(ctx, fmt.Sprintf("process %d (%s) ends", p.pid, p.program()), func() bool {
		return gone(p.pid)
	})
}

// gone returns whether a process has ended. A zombie counts, because it has no resources.
func gone(pid int) bool {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(content), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}

// poll waits up to 30 seconds until a condition holds. claim describes it in the error.
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
