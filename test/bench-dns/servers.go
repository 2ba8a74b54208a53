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

package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

const (
	// own is this project's server, and ownOnOne the same with one CPU in scenarios with several.
	own      = "dns-server"
	ownOnOne = "dns-server on one"
	// ownPlain is the same with the names of single clusters, in scenarios with shared names.
	ownPlain = "dns-server, names of one cluster"
)

func enoughForTwo() bool { return runtime.NumCPU() >= 4 }

// serverProcessors and loadProcessors are lists for taskset. The server has the first CPUs, and
// dnsperf as many at the end.
func serverProcessors(count int) string { return fmt.Sprintf("0-%d", count-1) }

func loadProcessors(count, all int) string { return fmt.Sprintf("%d-%d", all-count, all-1) }

// server is a server in the comparison.
type server struct {
	name string
	port int
	// processors is the number of CPUs, if it differs from that of the scenario.
	processors int
	// echoes means that responses have no answers.
	echoes bool
	// isPlain means that the queries are for names of single clusters.
	isPlain bool
	// command returns the command that runs the server in the foreground, with its files in the
	// folder.
	command func(ctx context.Context, b *bench, dir string, port int) ([]string, error)
}

func servers() []server {
	return []server{
		{name: own, port: 10531, command: dnsServerCommand}, {name: "CoreDNS", port: 10532, command: corednsCommand},
		{name: "Knot", port: 10533, command: knotCommand}, {name: "NSD", port: 10534, command: nsdCommand},
		{name: echo, port: 10536, command: echoCommand, echoes: true},
	}
}

func dnsServerCommand(_ context.Context, b *bench, _ string, port int) ([]string, error) {
	return []string{
		b.options.dnsServer, "--kubeconfig=" + b.kubeconfig, fmt.Sprintf("--dns-bind-address=127.0.0.1:%d", port),
		"--health-bind-address=127.0.0.1:0", "--metrics-bind-address=127.0.0.1:0", "--report-bind-address=127.0.0.1:0", fmt.Sprintf("--ttl=%d", ttl), "--lameduck=0s",
	}, nil
}

func corednsCommand(ctx context.Context, b *bench, dir string, port int) ([]string, error) {
	path, err := components.Path(ctx, "coredns")
	if err != nil {
		return nil, err
	}
	corefile := filepath.Join(dir, "Corefile")
	content := fmt.Sprintf("%s:%d {\n    bind 127.0.0.1\n    file %s\n}\n", zoneName, port, b.zoneFile)
	return []string{path, "-conf", corefile}, os.WriteFile(corefile, []byte(content), 0o644)
}

func knotCommand(_ context.Context, b *bench, dir string, port int) ([]string, error) {
	config := filepath.Join(dir, "knot.conf")
	content := fmt.Sprintf(`server:
    rundir: "%[1]s"
    listen: 127.0.0.1@%[2]d
    udp-workers: %[3]d
    tcp-workers: %[3]d
    background-workers: 1
database:
    storage: "%[1]s"
zone:
  - domain: %[4]s
    file: "%[5]s"
    zonefile-sync: -1
`, dir, port, b.scenario.processors, zoneName, b.zoneFile)
	return []string{"knotd", "-c", config}, os.WriteFile(config, []byte(content), 0o644)
}

func nsdCommand(_ context.Context, b *bench, dir string, port int) ([]string, error) {
	config := filepath.Join(dir, "nsd.conf")
	reusePort := "no"
	if b.scenario.processors > 1 {
		reusePort = "yes"
	}
	// Debian's NSD limits the rate of responses by default.
	content := fmt.Sprintf(`server:
    server-count: %[3]d
    ip-address: 127.0.0.1@%[2]d
    username: ""
    zonesdir: "%[1]s"
    database: ""
    pidfile: "%[1]s/nsd.pid"
    xfrdfile: "%[1]s/xfrd.state"
    zonelistfile: "%[1]s/zone.list"
    reuseport: %[6]s
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
    tcp-count: 1000
remote-control:
    control-enable: no
zone:
    name: %[4]s
    zonefile: "%[5]s"
`, dir, port, b.scenario.processors, zoneName, b.zoneFile, reusePort)
	return []string{"nsd", "-d", "-c", config}, os.WriteFile(config, []byte(content), 0o644)
}

// running is a running server.
type running struct {
	server

	process *exec.Cmd
	ready   time.Duration
}

// start starts the server on its CPUs and waits until it answers for the last name.
func (b *bench) start(ctx context.Context, s server) (*running, error) {
	dir := filepath.Join(b.dir, s.name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	command, err := s.command(ctx, b, dir, s.port)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	process := exec.CommandContext(ctx, "taskset", append([]string{"-c", serverProcessors(cmp.Or(s.processors, b.scenario.processors))}, command...)...)
	process.Stdout, process.Stderr = log, log
	// NSD has child processes, which must end, too.
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	started := time.Now()
	if err := process.Start(); err != nil {
		return nil, err
	}
	r := &running{server: s, process: process}
	query := new(dns.Msg).SetQuestion(strings.Replace(b.scenario.owner(b.scenario.names-1), "*", "x", 1)+".", dns.TypeA)
	client := &dns.Client{Net: b.scenario.network()}
	for time.Since(started) < time.Minute {
		response, _, err := client.ExchangeContext(ctx, query, fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil && (s.echoes || len(response.Answer) > 0) {
			r.ready = time.Since(started)
			return r, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	r.stop()
	text, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("%s does not answer: %s", s.name, text)
}

func (r *running) stop() {
	_ = syscall.Kill(-r.process.Process.Pid, syscall.SIGTERM)
	ended := time.AfterFunc(5*time.Second, func() { _ = syscall.Kill(-r.process.Process.Pid, syscall.SIGKILL) })
	_ = r.process.Wait()
	ended.Stop()
}

// processes returns the IDs of the server's processes.
func (r *running) processes() ([]string, error) {
	pids, err := exec.Command("pgrep", "-g", strconv.Itoa(r.process.Process.Pid)).Output()
	if err != nil {
		return nil, fmt.Errorf("looking for the processes of %s: %w", r.name, err)
	}
	return strings.Fields(string(pids)), nil
}

// memory returns the memory of the server and its child processes in octets. proportional counts
// shared memory once.
func (r *running) memory() (resident, proportional int, err error) {
	pids, err := r.processes()
	for _, pid := range pids {
		rollup, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(rollup)) {
			var kib int
			if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kib); n == 1 {
				resident += kib << 10
			}
			if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kib); n == 1 {
				proportional += kib << 10
			}
		}
	}
	return resident, proportional, err
}

// clockTick is the unit of a process's CPU time in /proc, on every Linux kernel.
const clockTick = 10 * time.Millisecond

// processorTime returns the CPU time of the server and its child processes. Unlike queries per
// second, CPU time per query does not depend on the load of the machine.
func (r *running) processorTime() (time.Duration, error) {
	pids, err := r.processes()
	if err != nil {
		return 0, err
	}
	var ticks int
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue
		}
		// The name, in parentheses, may contain anything. User and system time are the 12th and
		// 13th fields behind it.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		for _, field := range fields[11:13] {
			n, err := strconv.Atoi(field)
			if err != nil {
				return 0, fmt.Errorf("reading the time of process %s: %w", pid, err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * clockTick, nil
}
