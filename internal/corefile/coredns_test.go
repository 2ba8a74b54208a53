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

package corefile_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// TestCoreDNSServesTheZone starts a real CoreDNS with what is written for each kind of cluster. It runs in a network of its own, so
// that port 53 is free.
func TestCoreDNSServesTheZone(t *testing.T) {
	t.Parallel()
	program, err := components.Path(t.Context(), "coredns")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	// As the node's cache writes its own Corefile from the ConfigMap.
	pillars := strings.NewReplacer("__PILLAR__LOCAL__DNS__", "127.0.0.1", "__PILLAR__DNS__SERVER__", "", "__PILLAR__UPSTREAM__SERVERS__", "192.0.2.1")
	for name, test := range map[string]struct {
		cluster texts
		// main is the ConfigMap whose Corefile is the program's.
		main   string
		serves string
	}{
		"as kubeadm sets it up": {texts{"coredns": {"Corefile": ".:53 {\n    errors\n    forward . 192.0.2.1\n    reload\n}\n"}}, "coredns", "xcc.test.:53"},
		"on another port":       {texts{"coredns": {"Corefile": ".:5353 {\n    errors\n    forward . 192.0.2.1\n}\n"}}, "coredns", "xcc.test.:5353"},
		"with an import": {
			texts{
				"coredns":        {"Corefile": ".:53 {\n    errors\n    import custom/*.override\n    forward . 192.0.2.1\n}\nimport custom/*.server\n"},
				"coredns-custom": {"log.override": "log\n", "a.server": "a.test {\n    forward . 192.0.2.1\n}\n"},
			}, "coredns", "xcc.test.:53",
		},
		"with an import, on another port": {
			texts{"coredns": {"Corefile": ".:5353 {\n    errors\n    forward . 192.0.2.1\n}\nimport custom/*.server\n"}}, "coredns", "xcc.test.:5353",
		},
		"as NodeLocal DNSCache": {
			texts{
				"coredns": {"Corefile": ".:53 {\n    errors\n}\n"},
				"node-local-dns": {"Corefile": "cluster.local:53 {\n    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n    forward . 192.0.2.1\n}\n" +
					".:53 {\n    errors\n    cache 30\n    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n    forward . __PILLAR__UPSTREAM__SERVERS__\n}\n"},
			}, "node-local-dns", "xcc.test.:53 on 127.0.0.1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(test.cluster), settings())
			g.Expect(plan.Err).NotTo(HaveOccurred())
			installed := perform(test.cluster, plan)
			folder := t.TempDir()
			write(t, filepath.Join(folder, "Corefile"), pillars.Replace(installed[test.main]["Corefile"]))
			for key, text := range installed["coredns-custom"] {
				write(t, filepath.Join(folder, "custom", key), text)
			}
			g.Expect(startCoreDNS(t, program, folder)).To(ContainElement(test.serves))
		})
	}
}

// TestCoreDNSRefusesTwoBlocks is why so much is checked before something is written, and shows that the test above can fail.
func TestCoreDNSRefusesTwoBlocks(t *testing.T) {
	t.Parallel()
	program, err := components.Path(t.Context(), "coredns")
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	folder := t.TempDir()
	write(t, filepath.Join(folder, "Corefile"), ".:53 {\n}\n"+block53+"import custom/*.server\n")
	write(t, filepath.Join(folder, "custom", "xcc.server"), block53)
	g.Expect(startCoreDNS(t, program, folder)).To(ContainElement(ContainSubstring("already defined")))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(path, []byte(text), 0o644)).To(Succeed())
}

// startCoreDNS returns what CoreDNS says until it serves or ends.
func startCoreDNS(t *testing.T, program, folder string) []string {
	t.Helper()
	g := NewWithT(t)
	command := exec.CommandContext(t.Context(), program, "-conf", "Corefile")
	command.Dir = folder
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	output, err := command.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	command.Stderr = command.Stdout
	g.Expect(command.Start()).To(Succeed())
	lines := make(chan string)
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	defer func() {
		_ = command.Process.Kill()
		for range lines { // To the end, so that it can be waited for.
		}
		_ = command.Wait()
	}()
	var said []string
	deadline := time.After(30 * time.Second)
	for {
		select {
		case line, more := <-lines:
			if !more || strings.HasPrefix(line, "linux/") {
				return said
			}
			said = append(said, line)
		case <-deadline:
			return append(said, "and does not start")
		}
	}
}
