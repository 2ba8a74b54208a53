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

// Tether runs a command and kills it once tether's parent process has ended for any reason. So a
// killed test binary leaves no API server behind.
//
//	tether COMMAND [ARGUMENT...]
//
// If a signal asks tether to end, it kills the command: nothing of the command is kept, and
// kube-apiserver waits up to a minute for its watches otherwise. Tether returns the command's exit
// code. The kernel's parent death signal is not sufficient: it is sent if the parent *thread* ends,
// and threads of a Go program may end at any time.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	code, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "tether:", err)
	}
	os.Exit(code)
}

func run(command []string) (int, error) {
	if len(command) == 0 {
		return 2, errors.New("usage: tether COMMAND [ARGUMENT...]")
	}
	parent := os.Getppid()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)

	// The parent death signal ends the command if tether itself is killed. This goroutine keeps its
	// thread until the process ends, so the signal is reliable here.
	runtime.LockOSThread()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 127, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			if code := cmd.ProcessState.ExitCode(); code >= 0 {
				return code, nil
			}
			return 1, nil // A signal ended the command.
		case <-signals:
			_ = cmd.Process.Kill()
		case <-tick.C:
			// SIGKILL, because an API server without its etcd does not end on SIGTERM.
			if os.Getppid() != parent {
				_ = cmd.Process.Kill()
			}
		}
	}
}
