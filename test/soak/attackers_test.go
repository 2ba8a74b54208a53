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
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
)

// attackersFlag names the folder of the attackers' process: TestSoak starts it.
var attackersFlag = flag.String("attackers", "", "folder of the attackers' process; set by the test itself")

// attackers is the process of all that is not measured: the hostile tenant, the hostile cluster's API server, and Cluster API's
// controllers, which the hostile cluster attacks, too. In a fleet these have machines of their own. Here the process has the lowest
// priority, so that the work that they make for themselves takes no processor time from the manager and the API servers.
type attackers struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// plan is what the process is told, in the file plan.json of its folder.
type plan struct {
	// Management and Behind are kubeconfigs: of the management cluster and of the API server behind the hostile cluster.
	Management, Behind []byte
	// Neighbour is the namespace that the hostile cluster is in.
	Neighbour string
	Seed      uint64
}

// outcome is what the process reports at the end, in one line.
type outcome struct {
	ClusterActs, TenantActs map[string]int
	Requests                int
	// Leaked is whether a request had the token that no kubeconfig holds.
	Leaked bool
}

func startAttackers(t *testing.T, p plan) *attackers {
	t.Helper()
	g := NewWithT(t)
	folder := t.TempDir()
	text, err := json.Marshal(p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(folder, "plan.json"), text, 0o600)).To(Succeed())
	a := &attackers{cmd: exec.Command("nice", "-n", "19", os.Args[0], "-test.run=^TestAttackers$", "-test.timeout=0", "-attackers="+folder)}
	a.cmd.Stderr = os.Stderr
	a.stdin, err = a.cmd.StdinPipe()
	g.Expect(err).NotTo(HaveOccurred())
	stdout, err := a.cmd.StdoutPipe()
	g.Expect(err).NotTo(HaveOccurred())
	a.stdout = bufio.NewReader(stdout)
	g.Expect(a.cmd.Start()).To(Succeed())
	t.Cleanup(func() {
		_ = a.stdin.Close() // That ends the process.
		_ = a.cmd.Wait()
	})
	_, err = a.line("ready")
	g.Expect(err).NotTo(HaveOccurred(), "the attackers are set up")
	return a
}

// begin lets the attackers do harm until end.
func (a *attackers) begin() error {
	_, err := fmt.Fprintln(a.stdin, "begin")
	return err
}

// end stops the attackers and returns what they did. The hostile cluster behaves from then on.
func (a *attackers) end() (outcome, error) {
	if _, err := fmt.Fprintln(a.stdin, "end"); err != nil {
		return outcome{}, err
	}
	text, err := a.line("outcome ")
	if err != nil {
		return outcome{}, err
	}
	var o outcome
	return o, json.Unmarshal([]byte(text), &o)
}

// line returns the rest of the next line of the process that begins with a prefix.
func (a *attackers) line(prefix string) (string, error) {
	for {
		line, err := a.stdout.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("the attackers' process ended: %w", err)
		}
		if rest, found := strings.CutPrefix(line, prefix); found {
			return strings.TrimSpace(rest), nil
		}
	}
}

// TestAttackers is the process.
func TestAttackers(t *testing.T) {
	if *attackersFlag == "" {
		t.Skip("TestSoak starts it in a process of its own")
	}
	g := NewWithT(t)
	text, err := os.ReadFile(filepath.Join(*attackersFlag, "plan.json"))
	g.Expect(err).NotTo(HaveOccurred())
	var p plan
	g.Expect(json.Unmarshal(text, &p)).To(Succeed())
	management, behind := connect(t, p.Management), connect(t, p.Behind)
	g.Expect(startClusterAPI(t.Context(), management)).To(Succeed())
	cluster := newHostileCluster(t, management, p.Neighbour, behind)
	tenant := newHostileTenant(t, management, cluster)
	fmt.Println("ready")

	orders := bufio.NewScanner(os.Stdin)
	if !orders.Scan() {
		return // The test gave up.
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	if orders.Text() == "begin" {
		group.Go(func() { cluster.act(ctx, rand.New(rand.NewPCG(p.Seed, 100))) })
		group.Go(func() { tenant.act(ctx, rand.New(rand.NewPCG(p.Seed, 101))) })
		orders.Scan()
	}
	cancel()
	group.Wait()
	cluster.server.Behave()
	o := outcome{ClusterActs: cluster.acts, TenantActs: tenant.acts}
	for _, request := range cluster.server.Requests() {
		o.Requests++
		o.Leaked = o.Leaked || strings.Contains(request.Authorization, ownToken)
	}
	text, err = json.Marshal(o)
	g.Expect(err).NotTo(HaveOccurred())
	fmt.Printf("outcome %s\n", text)
	for orders.Scan() { //nolint:revive // The hostile cluster's API server is needed until the test ends.
	}
}

// connect returns the API server that a kubeconfig leads to.
func connect(t *testing.T, kubeconfig []byte) *server {
	t.Helper()
	g := NewWithT(t)
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	s, err := newServer(config, kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	return s
}
