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
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// figures are what the run measured. The README quotes them.
var figures table

type table struct{ rows [][2]string }

func (t *table) add(what string, value any) {
	t.rows = append(t.rows, [2]string{what, fmt.Sprint(value)})
}

// changes is how many changed addresses the propagation time is taken from.
const changes = 50

// TestFigures measures and prints; what it asserts is that there is something to measure.
func TestFigures(t *testing.T) {
	g := NewWithT(t)
	p50, p99 := propagation(t)
	figures.add(fmt.Sprintf("From a changed load balancer address to the answer of cluster-b's dns-server, p50 of %d", changes), p50)
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

// propagation changes the address of the gateway's load balancer over and over, and returns how long it took until a
// client that asks cluster-b's dns-server every millisecond saw each change.
func propagation(t *testing.T) (p50, p99 time.Duration) {
	t.Helper()
	g := NewWithT(t)
	original := address(t)
	addresses := []string{otherAddress(t), original}
	watch := startWatch(t, path.B, dnsServer(t, path.B), hostname, time.Millisecond)
	_, err := watch.untilAnswer(t.Context(), "NOERROR "+original)
	g.Expect(err).NotTo(HaveOccurred())
	var taken []time.Duration
	for i := range changes {
		next := addresses[i%len(addresses)]
		started := time.Now()
		g.Expect(path.A.SetAddress(t.Context(), "gateway", "caddy", next)).To(Succeed())
		seen, err := watch.untilAnswer(t.Context(), "NOERROR "+next)
		g.Expect(err).NotTo(HaveOccurred())
		taken = append(taken, seen.Sub(started))
	}
	for _, text := range watch.stop() {
		g.Expect(text).To(BeElementOf("NOERROR "+addresses[0], "NOERROR "+addresses[1]))
	}
	slices.Sort(taken)
	return taken[changes/2].Round(time.Millisecond / 10), taken[changes*99/100].Round(time.Millisecond / 10)
}

// residentMemory returns the largest resident set of our programs of that name, in bytes.
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

// eachProcess calls visit with the folder in /proc of each of our programs of that name. Cluster API's manager has the same
// name, but no flag --zone.
func eachProcess(program string, visit func(folder string) error) error {
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
		arguments := strings.Split(string(commandLine), "\x00")
		ours := arguments[0] == "/"+program && strings.Contains(string(commandLine), "--zone=")
		if !ours {
			continue
		}
		if err := visit(folder); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}

// isGone returns whether a file of a process is not there any more.
func isGone(err error) bool {
	return err != nil && (os.IsNotExist(err) || strings.Contains(err.Error(), fs.ErrNotExist.Error()) || strings.Contains(err.Error(), "no such process"))
}

func megabytes(bytes int64) string {
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
