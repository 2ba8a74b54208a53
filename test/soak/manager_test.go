//go:build soak

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

package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/resource"
)

// ownToken represents the token of the manager's ServiceAccount. Kubeconfigs of the hostile tenant
// refer to its file.
const ownToken = "token-of-the-manager's-own"

// process is the manager under test.
type process struct {
	cmd  *exec.Cmd
	exit chan error
	// limit is the memory limit of the manager's Deployment, and peak the largest resident set so
	// far, in bytes.
	limit, peak int64
	// processor is the processor time of the manager.
	processor time.Duration
}

// startManager runs the manager until the test ends, with the memory limit of its container.
func startManager(t *testing.T, w *world) *process {
	t.Helper()
	g := NewWithT(t)
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(kubeconfig, w.management.kubeconfig, 0o600)).To(Succeed())
	p := &process{limit: memoryLimit(t), exit: make(chan error, 1)}
	g.Expect(os.MkdirAll("../../out/soak", 0o755)).To(Succeed())
	log, err := os.Create("../../out/soak/manager.log")
	g.Expect(err).NotTo(HaveOccurred())
	p.cmd = exec.Command(*binary, "--zone="+zone, "--dns-image=xcc-dns:soak", "--diagnostics-address=127.0.0.1:0", "--insecure-diagnostics",
		"--health-addr=127.0.0.1:0", "--v="+strconv.Itoa(*logLevel))
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, fmt.Sprintf("MEMORY_LIMIT=%d", p.limit))
	p.cmd.Stdout, p.cmd.Stderr = log, log
	g.Expect(p.cmd.Start()).To(Succeed(), "make build writes %s", *binary)
	go func() {
		defer func() { _ = log.Close() }()
		p.exit <- fmt.Errorf("the manager ended (see out/soak/manager.log): %w", errors.Join(p.cmd.Wait(), errors.New("ended")))
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(os.Interrupt)
		select {
		case err := <-p.exit:
			p.exit <- err
		case <-time.After(20 * time.Second):
			_ = p.cmd.Process.Kill()
		}
	})
	return p
}

// memoryLimit returns the default memory limit of the manager's Deployment.
func memoryLimit(t *testing.T) int64 {
	t.Helper()
	g := NewWithT(t)
	manifest, err := os.ReadFile("../../config/manager/manager.yaml")
	g.Expect(err).NotTo(HaveOccurred())
	match := regexp.MustCompile(`(?s)limits:\s+memory: \$\{\w+:=(\w+)\}`).FindSubmatch(manifest)
	g.Expect(match).NotTo(BeNil(), "the manager's container has a memory limit")
	limit, err := resource.ParseQuantity(string(match[1]))
	g.Expect(err).NotTo(HaveOccurred())
	return limit.Value()
}

// ended returns why the manager has ended, or nil.
func (p *process) ended() error {
	select {
	case err := <-p.exit:
		p.exit <- err
		return err
	default:
		return nil
	}
}

// watch records the manager's resource usage until the context is done. The kernel keeps the peak
// of the memory.
func (p *process) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		p.look()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *process) look() {
	folder := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	status, err := os.ReadFile(folder + "status")
	if err != nil {
		return // The process has ended. ended reports it.
	}
	if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
		kilobytes, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
		p.peak = max(p.peak, kilobytes<<10)
	}
	stat, err := os.ReadFile(folder + "stat")
	if err != nil {
		return
	}
	// utime and stime are the 14th and 15th field (proc_pid_stat(5)), the 12th and 13th behind the
	// name, in hundredths of a second.
	_, after, _ := strings.Cut(string(stat), ") ")
	if fields := strings.Fields(after); len(fields) > 12 {
		user, _ := strconv.ParseInt(fields[11], 10, 64)
		system, _ := strconv.ParseInt(fields[12], 10, 64)
		p.processor = time.Duration(user+system) * 10 * time.Millisecond
	}
}
