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

package hostile_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

const (
	// attackers is the number of concurrent connections, and headerSize the bytes of a header that
	// each sends.
	attackers, headerSize = 400, 900 << 10
	// sources is the number of source addresses.
	sources = 16
	// probes is the number of the kubelet's probes meanwhile. Fewer than failureThreshold of them
	// may fail in a row.
	probes, failureThreshold = 20, 2
)

// TestUnfinishedHeadersDoNotEndADNSServer runs the dns-server with the memory limit of its Pod.
// Many clients send headers without end to its health and metrics ports. The kubelet's probes must
// succeed meanwhile.
func TestUnfinishedHeadersDoNotEndADNSServer(t *testing.T) {
	g := NewWithT(t)
	group := newMemoryGroup(t, memoryLimit(g))
	health, metrics := freePort(g), freePort(g)
	server := startDNSServer(t, group, health, metrics)
	g.Eventually(func() error { return probe(health) }, time.Minute).Should(Succeed(), "the server starts")

	ctx, stop := context.WithCancel(t.Context())
	var attacking sync.WaitGroup
	var sent atomic.Int64
	for i := range attackers {
		target := []string{health, metrics}[i%2]
		attacking.Go(func() { sendHeaders(ctx, target, fmt.Sprintf("127.0.4.%d", 1+i/2%sources), &sent) })
	}
	g.Eventually(sent.Load, time.Minute).Should(BeNumerically(">", attackers), "every one has sent something")
	failed := 0
	for range probes {
		failed++
		err := probe(health)
		if err == nil {
			failed = 0
		}
		g.Expect(failed).To(BeNumerically("<", failureThreshold), "failed probes in a row, the last with %v", err)
	}
	stop()
	attacking.Wait()
	t.Logf("%d headers of up to %d octets; memory: %s at most of %s", sent.Load(), headerSize, group.read(group.peak), group.read(group.limit))
	g.Expect(group.killed()).To(BeZero(), "processes that the kernel killed")
	g.Expect(server.Process.Signal(os.Interrupt)).To(Succeed())
	g.Expect(server.Wait()).To(Succeed())
}

// sendHeaders opens one connection after another, and sends an unfinished header over each.
func sendHeaders(ctx context.Context, address, source string, sent *atomic.Int64) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}, Timeout: 5 * time.Second}
	header := append([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\nA: "), bytes.Repeat([]byte("a"), headerSize)...)
	for ctx.Err() == nil {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			continue
		}
		end := context.AfterFunc(ctx, func() { _ = conn.Close() })
		_, _ = conn.Write(header)
		sent.Add(1)
		_, _ = io.Copy(io.Discard, conn)
		end()
		_ = conn.Close()
	}
}

// probe sends a request like the kubelet's liveness probe, with a timeout of 5 seconds.
func probe(address string) error {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + address + "/healthz")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

func freePort(g Gomega) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().String()
}

// memoryLimit returns the memory limit of the dns-server's container, in bytes.
func memoryLimit(g Gomega) int {
	manifest, err := os.ReadFile(filepath.Join("..", "..", "templates", "dns-server.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	found := regexp.MustCompile(`limits: \{memory: (\d+)Mi\}`).FindSubmatch(manifest)
	g.Expect(found).To(HaveLen(2))
	mebibytes, err := strconv.Atoi(string(found[1]))
	g.Expect(err).NotTo(HaveOccurred())
	return mebibytes << 20
}

// startDNSServer builds the dns-server and starts it in the group, with an API server without
// objects.
func startDNSServer(t *testing.T, group *memoryGroup, health, metrics string) *exec.Cmd {
	t.Helper()
	g := NewWithT(t)
	binary := filepath.Join(t.TempDir(), "dns-server")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/dns-server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := build.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))

	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Has("watch") {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"kind":"EndpointSliceList","apiVersion":"discovery.k8s.io/v1","metadata":{"resourceVersion":"1"},"items":[]}`)
	}))
	t.Cleanup(func() {
		api.CloseClientConnections()
		api.Close()
	})
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(kubeconfig, fmt.Appendf(nil, `{"apiVersion":"v1","kind":"Config","current-context":"x",
"clusters":[{"name":"x","cluster":{"server":%q}}],"contexts":[{"name":"x","context":{"cluster":"x"}}]}`, api.URL), 0o600)).To(Succeed())

	// The shell joins the group and then replaces itself by the server.
	server := exec.CommandContext(t.Context(), "sh", "-c", `echo $$ > "$0" && exec "$@"`, filepath.Join(group.folder, "cgroup.procs"), binary,
		"--kubeconfig="+kubeconfig, "--namespace=xcc-dns", "--zone=xcc.test", "--dns-bind-address=127.0.0.1:0", "--lameduck=0s",
		"--health-bind-address="+health, "--metrics-bind-address="+metrics, "--report-bind-address=127.0.0.1:0")
	server.Env = append(os.Environ(), "GOMEMLIMIT="+group.read(group.limit))
	server.Stderr = t.Output()
	g.Expect(server.Start()).To(Succeed())
	return server
}

// memoryGroup is a cgroup with a memory limit. The names of its files depend on the cgroup version.
type memoryGroup struct {
	folder, limit, peak, events string
}

// newMemoryGroup creates a cgroup that is removed with the test. It skips the test if it cannot
// create one.
func newMemoryGroup(t *testing.T, octets int) *memoryGroup {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("Only root on Linux can give the dns-server the memory limit of its Pod; make test needs no root.")
	}
	const root = "/sys/fs/cgroup"
	name := fmt.Sprintf("xcc-hostile-%d", os.Getpid())
	group := &memoryGroup{folder: filepath.Join(root, name), limit: "memory.max", peak: "memory.peak", events: "memory.events"}
	if _, err := os.Stat(filepath.Join(root, "memory")); err == nil {
		group = &memoryGroup{
			folder: filepath.Join(root, "memory", name), limit: "memory.limit_in_bytes", peak: "memory.max_usage_in_bytes", events: "memory.oom_control",
		}
	}
	if err := os.Mkdir(group.folder, 0o755); err != nil {
		t.Skipf("No cgroup can be made here: %v", err)
	}
	t.Cleanup(func() {
		// The kernel may not have reaped the process yet.
		NewWithT(t).Eventually(func() error { return os.Remove(group.folder) }, 10*time.Second).Should(Succeed())
	})
	if err := os.WriteFile(filepath.Join(group.folder, group.limit), []byte(strconv.Itoa(octets)), 0o600); err != nil {
		t.Skipf("The memory of a cgroup cannot be limited here: %v", err)
	}
	return group
}

// read returns the content of a file, or "" if it does not exist. memory.peak exists since Linux
// 5.19.
func (m *memoryGroup) read(file string) string {
	content, _ := os.ReadFile(filepath.Join(m.folder, file))
	return strings.TrimSpace(string(content))
}

// killed returns the number of processes that the kernel has killed.
func (m *memoryGroup) killed() (int, error) {
	for line := range strings.Lines(m.read(m.events)) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return strconv.Atoi(count)
		}
	}
	return 0, fmt.Errorf("%s has no oom_kill", m.events)
}
