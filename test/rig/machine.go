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
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// need is a program or file of the machine, and its Debian package.
type need struct {
	path string
	pkg  string
}

// needs are the required programs and files. Names without a path are looked up in PATH.
var needs = []need{
	{"containerd", "containerd"},
	{"ctr", "containerd"},
	{"runc", "runc"},
	{"/usr/lib/cni/ptp", "containernetworking-plugins"},
	{"/usr/lib/cni/host-local", "containernetworking-plugins"},
	{"nft", "nftables"},
	{"ip", "iproute2"},
	{"unshare", "util-linux"},
	{"nsenter", "util-linux"},
	{"mount", "mount"},
	{"gcc", "gcc"},
	{"/usr/include/stdio.h", "libc6-dev"},
	{"ldd", "libc-bin"},
	{"musl-gcc", "musl-tools"},
	{"curl", "curl"},
}

// MissingPackages returns the Debian packages of missing programs and files.
func MissingPackages() []string {
	var missing []string
	seen := map[string]bool{}
	all := needs
	if mode, err := proxyMode(); err == nil && mode == "iptables" {
		// kube-proxy deletes stale UDP flows with conntrack.
		all = append(slices.Clone(needs), need{"iptables", "iptables"}, need{"conntrack", "conntrack"})
	}
	for _, n := range all {
		if !n.isMet() && !seen[n.pkg] {
			seen[n.pkg] = true
			missing = append(missing, n.pkg)
		}
	}
	return missing
}

func (n need) isMet() bool {
	var err error
	if filepath.IsAbs(n.path) {
		_, err = os.Stat(n.path)
	} else {
		_, err = exec.LookPath(n.path)
	}
	return err == nil
}

// InstallPackages installs the missing packages with apt-get, or returns an error that lists them.
// The output of apt-get is written to log.
func InstallPackages(ctx context.Context, log io.Writer) error {
	missing := MissingPackages()
	if len(missing) == 0 {
		return nil
	}
	advice := fmt.Errorf("install these Debian packages: %s", strings.Join(missing, " "))
	if err := checkMachine(); err != nil {
		return errors.Join(err, advice)
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%w (there is no apt-get here)", advice)
	}
	fmt.Fprintf(log, "rig: installing %s\n", strings.Join(missing, " "))
	for _, args := range [][]string{
		{"update", "-q"},
		append([]string{"install", "-q", "-y", "--no-install-recommends"}, missing...),
	} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		cmd.Stdout, cmd.Stderr = log, log
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%w (apt-get %s: %w)", advice, args[0], err)
		}
	}
	return nil
}

func checkMachine() error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("the rig runs real nodes and needs Linux, not %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("the rig makes namespaces and network links and needs root: run it with sudo")
	}
	return nil
}

// run runs a program of the machine and returns its standard output. An error contains the standard
// error.
func run(ctx context.Context, name string, args ...string) (string, error) {
	return runWithInput(ctx, nil, name, args...)
}

func runWithInput(ctx context.Context, input io.Reader, name string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = input, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}
