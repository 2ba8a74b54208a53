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

package coredns

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// startTimeout is much longer than CoreDNS needs. It only delays the failure of a test.
const startTimeout = 30 * time.Second

// Server is a running CoreDNS.
type Server struct {
	process *exec.Cmd
	lines   chan string
}

// Start runs CoreDNS in a folder with a Corefile, with the given environment, and waits until it
// serves. If CoreDNS ends instead, the server is nil. The output has all lines until then.
func (n *Network) Start(t *testing.T, folder string, environment ...string) (server *Server, output []string) {
	t.Helper()
	g := NewWithT(t)
	program, err := components.Path(t.Context(), "coredns")
	g.Expect(err).NotTo(HaveOccurred())
	command := exec.CommandContext(t.Context(), program, "-conf", "Corefile")
	command.Dir = folder
	command.Env = append([]string{"GOMAXPROCS=1"}, environment...)
	stdout, err := command.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	command.Stderr = command.Stdout
	n.Do(func() { err = command.Start() })
	g.Expect(err).NotTo(HaveOccurred())
	s := &Server{process: command, lines: make(chan string)}
	go func() {
		defer close(s.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			s.lines <- scanner.Text()
		}
	}()
	deadline := time.After(startTimeout)
	for {
		select {
		case line, more := <-s.lines:
			if !more {
				s.Stop()
				return nil, output
			}
			output = append(output, line)
			if strings.HasPrefix(line, "linux/") {
				// CoreDNS blocks if its output is not read.
				go func() {
					for range s.lines {
					}
				}()
				t.Cleanup(s.Stop)
				return s, output
			}
		case <-deadline:
			s.Stop()
			return nil, append(output, "and does not start")
		}
	}
}

// Stop ends CoreDNS and waits for it.
func (s *Server) Stop() {
	_ = s.process.Process.Kill()
	for range s.lines {
	}
	_ = s.process.Wait()
}
