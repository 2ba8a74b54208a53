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
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// nodeScript is the first process of a node. It mounts the node's own folders at paths that
// programs do not let us choose. Then it reaps orphaned processes, as the first process of a
// namespace must. $0 is the mark.
const nodeScript = `
set -e
for folder in /run/containerd /run/netns /var/lib/cni /var/log /var/lib/kubelet; do
  mkdir -p "$folder" "$1/root$folder"
  mount --bind "$1/root$folder" "$folder"
done
: > "$1/started"
sleep infinity &
wait
`

// namespaces are the Linux namespaces of a node.
type namespaces struct {
	// pid is the ID of the node's first process on this machine.
	pid int
	// namespace is the process namespace.
	namespace string
}

// startNamespaces creates the namespaces. dir is the node's folder.
func startNamespaces(ctx context.Context, rigDir, dir string) (namespaces, error) {
	log, err := os.Create(filepath.Join(dir, "log", "node.log"))
	if err != nil {
		return namespaces{}, err
	}
	defer log.Close()
	cmd := exec.Command("unshare", "--fork", "--kill-child", "--pid", "--mount-proc", "--mount", "--net",
		"sh", "-c", nodeScript, mark(rigDir), dir)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return namespaces{}, err
	}
	go func() { _ = cmd.Wait() }()
	err = poll(ctx, "the node has its namespaces (see "+log.Name()+")", func() bool {
		_, err := os.Stat(filepath.Join(dir, "started"))
		return err == nil
	})
	if err != nil {
		return namespaces{}, err
	}
	return findNamespaces(rigDir, dir)
}

// findNamespaces returns the namespaces of the running node with the folder.
func findNamespaces(rigDir, dir string) (namespaces, error) {
	found, err := marked(rigDir)
	if err != nil {
		return namespaces{}, err
	}
	for _, p := range found {
		if p.program() == "sh" && p.args[len(p.args)-1] == dir {
			return namespaces{pid: p.pid, namespace: p.pidNamespace()}, nil
		}
	}
	return namespaces{}, fmt.Errorf("the node of %s does not run", dir)
}

// enter returns the command line that runs a command in the node's namespaces. `ip netns exec`
// would remount /sys and hide the control groups.
func (n namespaces) enter(command ...string) []string {
	return append([]string{"--target", strconv.Itoa(n.pid), "--mount", "--net", "--pid", "--wd=/"}, command...)
}

// start starts a program that may run longer than this process. It becomes a child of the node's
// first process and writes its output to the log file.
func (n namespaces) start(ctx context.Context, logFile string, command ...string) error {
	const detach = `log=$1; shift; "$@" >>"$log" 2>&1 </dev/null &`
	cmd := exec.CommandContext(ctx, "nsenter",
		n.enter(append([]string{"sh", "-c", detach, "start", logFile}, command...)...)...)
	// A proxy in this process' environment must not apply to the node.
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("starting %s: %w: %s", filepath.Base(command[0]), err, out)
	}
	return nil
}

// find returns the processes of a program on the node, without those in Pods, which have their own
// process namespaces.
func (n namespaces) find(program string) ([]process, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p process) bool {
		return p.program() != program || p.pidNamespace() != n.namespace
	}), nil
}

// stop sends SIGTERM to the program, and SIGKILL after the given time.
func (n namespaces) stop(ctx context.Context, program string, patience time.Duration) error {
	found, err := n.find(program)
	if err != nil {
		return err
	}
	for _, p := range found {
		if err := syscall.Kill(p.pid, syscall.SIGTERM); err != nil {
			continue // The process has ended.
		}
		waiting, cancel := context.WithTimeout(ctx, patience)
		err := p.waitGone(waiting)
		cancel()
		if err == nil {
			continue
		}
		if err := p.end(ctx); err != nil {
			return err
		}
	}
	return nil
}
