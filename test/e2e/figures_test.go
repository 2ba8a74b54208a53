//go:build e2e

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

package e2e_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// figures are the results of the run. The README quotes them.
var figures table

type table struct{ rows [][2]string }

func (t *table) add(what string, value any) {
	t.rows = append(t.rows, [2]string{what, fmt.Sprint(value)})
}

// changes is the number of address changes for which the propagation time is measured.
const changes = 50

// TestFigures measures and prints figures. It asserts only that they could be measured, and that
// changes are not polled.
func TestFigures(t *testing.T) {
	g := NewWithT(t)
	p50, p99 := propagation(t)
	// This is not a goal. Watches are always faster, while polling, a resync or a retry with
	// backoff would be slower.
	g.Expect(p99).To(BeNumerically("<", 5*time.Second))
	figures.add(fmt.Sprintf("From a changed load balancer address to the answer of every dns-server, p50 of %d", changes), p50)
	figures.add(fmt.Sprintf("The same, p99 of %d", changes), p99)
	for _, program := range []string{"manager", "dns-server", "dns-config-patcher"} {
		memory, err := residentMemory(program)
		g.Expect(err).NotTo(HaveOccurred())
		figures.add("Resident memory of "+program, megabytes(memory))
	}
	for _, file := range []string{
		"binaries/" + runtime.GOARCH + "/manager", "binaries/" + runtime.GOARCH + "/dns-server",
		"binaries/" + runtime.GOARCH + "/dns-config-patcher",
		"images/xcc-controller-manager.tar", "images/xcc-dns.tar",
	} {
		info, err := os.Stat(filepath.Join(repository, "out", file))
		g.Expect(err).NotTo(HaveOccurred())
		figures.add("Size of "+filepath.Base(file), megabytes(info.Size()))
	}
	for _, row := range figures.rows {
		fmt.Printf("FIGURE %-95s %s\n", row[0], row[1])
	}
}

// propagation changes the address of the gateway's load balancer repeatedly, and returns
// percentiles of the time until all dns-server Pods in all consuming clusters answer with the new
// address. Clients query each Pod every two milliseconds.
func propagation(t *testing.T) (p50, p99 time.Duration) {
	t.Helper()
	g := NewWithT(t)
	original := address(t)
	addresses := []string{otherAddress(t), original}
	watches := watchServers(t, "NOERROR "+original, path.A, path.B)
	var taken []time.Duration
	for i := range changes {
		next := addresses[i%len(addresses)]
		started := time.Now()
		g.Expect(path.A.SetAddress(t.Context(), "gateway", "caddy", next)).To(Succeed())
		var slowest time.Duration
		for _, watch := range watches {
			seen, err := watch.untilAnswer(t.Context(), "NOERROR "+next)
			g.Expect(err).NotTo(HaveOccurred())
			slowest = max(slowest, seen.Sub(started))
		}
		taken = append(taken, slowest)
	}
	for _, watch := range watches {
		for _, text := range watch.stop() {
			g.Expect(text).To(BeElementOf("NOERROR "+addresses[0], "NOERROR "+addresses[1]))
		}
	}
	slices.Sort(taken)
	return taken[changes/2].Round(time.Millisecond / 10), taken[changes*99/100].Round(time.Millisecond / 10)
}

// watchServers starts a watch of the application's name at each dns-server Pod, and waits until all
// have the answer.
func watchServers(t *testing.T, answer string, clusters ...*rig.Cluster) []*watch {
	t.Helper()
	g := NewWithT(t)
	var watches []*watch
	for _, cluster := range clusters {
		ips, err := cluster.Kubectl(t.Context(), "--namespace=xcc-dns", "get", "pods", "--selector=app=dns-server",
			"--field-selector=status.phase=Running", "--output=jsonpath={.items[*].status.podIP}")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(ips).NotTo(BeEmpty(), cluster.Name)
		for ip := range strings.FieldsSeq(ips) {
			watch := startWatch(t, cluster, net.JoinHostPort(ip, "1053"), hostname, 2*time.Millisecond)
			_, err := watch.untilAnswer(t.Context(), answer)
			g.Expect(err).NotTo(HaveOccurred(), "Pod %s of %s", ip, cluster.Name)
			watches = append(watches, watch)
		}
	}
	return watches
}

// residentMemory returns the largest resident set of our processes with the name, in bytes.
func residentMemory(program string) (int64, error) {
	var largest int64
	err := eachProcess(program, func(folder string) error {
		status, err := os.ReadFile(filepath.Join(folder, "status"))
		if err != nil {
			return err
		}
		_, after, _ := strings.Cut(string(status), "VmRSS:")
		fields := strings.Fields(after)
		if len(fields) == 0 {
			return fmt.Errorf("no VmRSS in %s/status", folder)
		}
		kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
		largest = max(largest, kilobytes*1024)
		return err
	})
	if err == nil && largest == 0 {
		err = fmt.Errorf("no process runs /%s", program)
	}
	return largest, err
}

// eachProcess calls visit with the folder in /proc of each of our processes with the name. Cluster
// API's manager has the same name, but no flag --zone.
func eachProcess(program string, visit func(folder string) error) error {
	return eachCommandLine(func(arguments []string) bool {
		return arguments[0] == "/"+program && slices.ContainsFunc(arguments, func(a string) bool { return strings.HasPrefix(a, "--zone=") })
	}, visit)
}

// eachCommandLine calls visit with the folder in /proc of each process whose command line matches.
func eachCommandLine(match func(arguments []string) bool, visit func(folder string) error) error {
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, folder := range folders {
		commandLine, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if isGone(err) {
			continue
		} else if err != nil {
			return err
		}
		if !match(strings.Split(string(commandLine), "\x00")) {
			continue
		}
		if err := visit(folder); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// isGone returns whether an error means that the process has ended.
func isGone(err error) bool {
	return err != nil && (os.IsNotExist(err) || strings.Contains(err.Error(), fs.ErrNotExist.Error()) || strings.Contains(err.Error(), "no such process"))
}

func megabytes(bytes int64) string {
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
