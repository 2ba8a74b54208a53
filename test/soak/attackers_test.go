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

// attackersFlag is set only in the attackers' process, which TestSoak starts.
var attackersFlag = flag.String("attackers", "", "folder of the attackers' process; set by the test itself")

// attackers is the process of the components that are not measured: the hostile tenant, the hostile
// cluster's API server, and Cluster API's controllers, which the hostile cluster attacks, too. In a
// fleet, they run on other machines. Here, the process has the lowest priority, so that it takes no
// processor time from the manager and the API servers.
type attackers struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

// plan is the input of the process, in the file plan.json of its folder.
type plan struct {
	// Management is the kubeconfig of the management cluster, and Behind that of the API server
	// behind the hostile cluster.
	Management, Behind []byte
	// Neighbour is the namespace of the hostile cluster.
	Neighbour string
	Seed      uint64
}

// outcome is the report of the process at the end, in one line.
type outcome struct {
	ClusterActs, TenantActs map[string]int
	Requests                int
	// Leaked names the clients, other than Cluster API, that sent the token that is in no kubeconfig.
	Leaked []string
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
		_ = a.stdin.Close() // The process ends with its standard input.
		_ = a.cmd.Wait()
	})
	_, err = a.line("ready")
	g.Expect(err).NotTo(HaveOccurred(), "the attackers are set up")
	return a
}

// begin starts the attacks.
func (a *attackers) begin() error {
	_, err := fmt.Fprintln(a.stdin, "begin")
	return err
}

// end stops the attacks and returns the outcome. Afterwards, the hostile cluster behaves normally.
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

// line waits for a line of the process with the prefix, and returns its rest.
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

// TestAttackers is the main function of the attackers' process.
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
		return // TestSoak has failed.
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
		if strings.Contains(request.Authorization, ownToken) && !strings.Contains(request.UserAgent, clusterAPIAgent) {
			o.Leaked = append(o.Leaked, request.UserAgent)
		}
	}
	text, err = json.Marshal(o)
	g.Expect(err).NotTo(HaveOccurred())
	fmt.Printf("outcome %s\n", text)
	for orders.Scan() {
		// The hostile cluster's API server is needed until the test ends.
	}
}

// connect returns the API server of a kubeconfig.
func connect(t *testing.T, kubeconfig []byte) *server {
	t.Helper()
	g := NewWithT(t)
	config, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	s, err := newServer(config, kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	return s
}
