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
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// port is the port of all gateways.
const port = "8080"

// serve answers HTTP on the addresses that the input names: a line "open ADDRESS" or "close ADDRESS".
// It confirms each line.
func serve(input io.Reader) error {
	listeners := map[string]net.Listener{}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "alive\n") })
	for lines := bufio.NewScanner(input); lines.Scan(); {
		command, address, _ := strings.Cut(lines.Text(), " ")
		if command == "close" {
			if err := listeners[address].Close(); err != nil {
				return err
			}
		} else {
			listener, err := net.Listen("tcp", net.JoinHostPort(address, port))
			if err != nil {
				return err
			}
			listeners[address] = listener
			server := &http.Server{Handler: page, ReadHeaderTimeout: time.Minute}
			go func() { _ = server.Serve(listener) }()
		}
		fmt.Println(lines.Text())
	}
	return nil
}

// farm is the network namespace of the gateways.
type farm struct {
	// steady serves most gateways, and stoppable those that are stopped.
	steady, stoppable *program
}

// program is a process that serves gateways.
type program struct {
	cmd    *exec.Cmd
	input  io.WriteCloser
	output *bufio.Scanner
}

// newFarm starts the gateways' namespace, and connects it with this one.
func newFarm(ctx context.Context) (*farm, error) {
	f := &farm{}
	var err error
	if f.steady, err = newProgram(exec.CommandContext(ctx, "/proc/self/exe", "-serve"), syscall.CLONE_NEWNET); err != nil {
		return nil, err
	}
	for _, command := range [][]string{
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", "dns0", "type", "veth", "peer", "name", "gw0", "netns", strconv.Itoa(f.steady.cmd.Process.Pid)},
		{"ip", "address", "add", "10.77.255.254/16", "dev", "dns0"},
		{"ip", "link", "set", "dns0", "up"},
		// The API server looks for its address at the default route.
		{"ip", "route", "add", "default", "dev", "dns0"},
	} {
		if err := runCommand(ctx, command...); err != nil {
			return f, err
		}
	}
	for _, command := range []string{
		"ip link set lo up", "ip address add 10.77.255.253/16 dev gw0", "ip link set gw0 up",
		"nft add table ip fault", "nft add set ip fault dead { type ipv4_addr; }",
		"nft add chain ip fault input { type filter hook input priority 0; }", "nft add rule ip fault input ip daddr @dead drop",
	} {
		if err := f.run(ctx, strings.Fields(command)...); err != nil {
			return f, err
		}
	}
	f.stoppable, err = newProgram(f.command(ctx, "/proc/self/exe", "-serve"), 0)
	return f, err
}

func newProgram(cmd *exec.Cmd, flags uintptr) (*program, error) {
	p := &program{cmd: cmd}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	var err error
	if p.input, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.output = bufio.NewScanner(output)
	return p, cmd.Start()
}

// tell sends a command for each address, and waits until all are done.
func (p *program) tell(command string, addresses []string) error {
	for _, address := range addresses {
		if _, err := fmt.Fprintln(p.input, command, address); err != nil {
			return err
		}
		if !p.output.Scan() {
			return fmt.Errorf("%s %s: the gateways have ended", command, address)
		}
	}
	return nil
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// command returns a command in the namespace of the gateways.
func (f *farm) command(ctx context.Context, args ...string) *exec.Cmd {
	target := "--target=" + strconv.Itoa(f.steady.cmd.Process.Pid)
	if args[0] == "/proc/self/exe" {
		if path, err := os.Executable(); err == nil {
			args[0] = path
		}
	}
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net", target}, args...)...)
}

func (f *farm) run(ctx context.Context, args ...string) error {
	return output(f.command(ctx, args...))
}

// addresses adds addresses to the network device of the gateways, or deletes them.
func (f *farm) addresses(ctx context.Context, command string, addresses []string) error {
	var batch strings.Builder
	for _, address := range addresses {
		fmt.Fprintf(&batch, "address %s %s/32 dev gw0\n", command, address)
	}
	cmd := f.command(ctx, "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(batch.String())
	return output(cmd)
}

func (f *farm) stop() {
	if f.stoppable != nil {
		f.stoppable.kill()
	}
	f.steady.kill()
}

func runCommand(ctx context.Context, args ...string) error {
	return output(exec.CommandContext(ctx, args[0], args[1:]...))
}

// output runs a command, and returns an error with its output if it fails.
func output(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running %v: %w: %s", cmd.Args, err, out)
	}
	return nil
}
