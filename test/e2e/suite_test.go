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
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/walkthrough"
)

const (
	repository = "../.."
	namespace  = walkthrough.Namespace
	hostname   = walkthrough.Hostname
	zone       = "xcc.test"
	// clusterDNS is the nameserver in a Pod's /etc/resolv.conf.
	clusterDNS = "10.96.0.10:53"

	soon = time.Minute
	// corefile is how long the kubelet and CoreDNS may take to load a new Corefile.
	corefile = 4 * time.Minute
)

// path is the initial state of all tests: xcc is installed, and cluster-a's gateway is published.
// cluster-a has two nodes.
var path *walkthrough.Walkthrough

// keep leaves the clusters running, and reuses those of an earlier run. It saves time while a test
// is being written.
var keep = os.Getenv("XCC_E2E_KEEP") != ""

// dnswatchProgram is the path of the client that runs on nodes.
var dnswatchProgram string

// clients are Pods with the resolvers of glibc, musl and Go.
var clients = []string{"client-glibc", "client-musl", "client-go"}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Minute)
	defer cancel()
	var err error
	if keep {
		if path, err = walkthrough.Open("e2e", repository, os.Stdout); err == nil {
			dnswatchProgram, err = buildDNSWatch(ctx, path.Folder)
		}
		if err == nil {
			return m.Run()
		}
		fmt.Fprintln(os.Stderr, "Starting anew:", err)
	}
	path, err = walkthrough.Start(ctx, "e2e", repository, os.Stdout)
	if path != nil && path.Rig != nil && !keep {
		defer func() {
			if err := path.Rig.Down(context.Background()); err != nil {
				fmt.Fprintln(os.Stderr, "Taking the rig down:", err)
			}
		}()
	}
	if err == nil {
		err = prepare(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "Walking the user's path:", err)
		return 1
	}
	return m.Run()
}

// prepare installs xcc like a user, while clients wait for the first answer.
func prepare(ctx context.Context) error {
	var err error
	if dnswatchProgram, err = buildDNSWatch(ctx, path.Folder); err != nil {
		return fmt.Errorf("building dnswatch: %w", err)
	}
	for _, step := range []func(context.Context) error{path.StartClients, path.Install, path.Publish, path.Fetch} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	figures.add("From the label to the first page fetched in a Pod", time.Since(path.Labelled).Round(time.Second))
	if _, err := path.A.AddNode(ctx); err != nil {
		return err
	}
	for _, cluster := range []*rig.Cluster{path.A, path.B} {
		if err := startWatcher(ctx, cluster); err != nil {
			return fmt.Errorf("starting the watcher in %s: %w", cluster.Name, err)
		}
		if err := waitForCoreDNS(ctx, cluster); err != nil {
			return fmt.Errorf("waiting until all of CoreDNS in %s forwards the zone: %w", cluster.Name, err)
		}
	}
	return nil
}

// waitForCoreDNS waits until every Pod of CoreDNS forwards the zone. They load a Corefile at
// different times.
func waitForCoreDNS(ctx context.Context, cluster *rig.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, corefile)
	defer cancel()
	ips, err := cluster.Kubectl(ctx, "--namespace=kube-system", "get", "pods", "--selector=k8s-app=kube-dns", "--output=jsonpath={.items[*].status.podIP}")
	if err != nil {
		return err
	}
	if ips == "" {
		return errors.New("there is no Pod of CoreDNS")
	}
	for ip := range strings.FieldsSeq(ips) {
		w, err := newWatch(ctx, cluster, net.JoinHostPort(ip, "53"), hostname, 200*time.Millisecond)
		if err != nil {
			return err
		}
		_, err = w.until(ctx, func(text string) bool { return strings.HasPrefix(text, "NOERROR ") })
		w.stop()
		if err != nil {
			return err
		}
	}
	return nil
}

// address returns the address of the gateway's load balancer.
func address(t *testing.T) string {
	t.Helper()
	out, err := path.A.Kubectl(t.Context(), "--namespace=gateway", "get", "service", "caddy", "--output=jsonpath={.status.loadBalancer.ingress[0].ip}")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out
}

// otherAddress returns an unassigned load balancer address of the cluster.
func otherAddress(t *testing.T) string {
	t.Helper()
	current := address(t)
	for _, other := range path.A.LoadBalancerAddresses() {
		if other != current {
			return other
		}
	}
	t.Fatal("cluster-a has no unassigned load balancer address")
	return ""
}

// resolve returns a function that resolves the application's name in a Pod.
func resolve(t *testing.T, cluster *rig.Cluster, client string) func() (string, error) {
	t.Helper()
	return func() (string, error) {
		out, err := cluster.Exec(t.Context(), "default", client, "/client", "resolve", hostname)
		return strings.TrimSpace(out), err
	}
}

func fetch(t *testing.T, cluster *rig.Cluster, client string) func() (string, error) {
	t.Helper()
	return func() (string, error) {
		return cluster.Exec(t.Context(), "default", client, "/client", "get", "http://"+hostname)
	}
}

// gateway returns a field of cluster-a's gateway in the status of the GatewayDNS.
func gateway(t *testing.T, field string) func() (string, error) {
	t.Helper()
	return func() (string, error) {
		return path.Management.Kubectl(t.Context(), "--namespace="+namespace, "get", "gatewaydns", "dev-team-gateway-dns",
			`--output=jsonpath={.status.gateways[?(@.cluster=="cluster-a")].`+field+`}`)
	}
}

// dnsServer returns the address of the dns-server's Service.
func dnsServer(t *testing.T, cluster *rig.Cluster) string {
	t.Helper()
	out, err := cluster.Kubectl(t.Context(), "--namespace=xcc-dns", "get", "service", "dns-server", "--output=jsonpath={.spec.clusterIP}")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out + ":53"
}

// sorted returns the words of a text.
func sorted(text string) []string {
	return slices.Sorted(strings.FieldsSeq(text))
}
