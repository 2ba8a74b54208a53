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
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/walkthrough"
)

// probed makes the GatewayDNS shop use the health check that notices every kind of fault.
const probed = `{"spec":{"healthCheck":{"protocol":"HTTP","host":"` + walkthrough.SharedHostname + `","interval":"2s","timeout":"1s"}}}`

// TestASharedNameLeadsToAClusterThatWorks restarts the DNS servers of cluster-b, and then makes the
// gateway of cluster-a fail in several ways, while a client asks those DNS servers.
func TestASharedNameLeadsToAClusterThatWorks(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	g.Expect(path.PublishShared(ctx)).To(Succeed())
	t.Cleanup(func() { removeShared(t) })
	_, err := path.Management.Kubectl(ctx, "--namespace="+namespace, "patch", "gatewaydns", "shop", "--type=merge", "--patch="+probed)
	g.Expect(err).NotTo(HaveOccurred())
	a := "NOERROR " + address(t)
	standby, err := path.B.Kubectl(ctx, "--namespace=gateway", "get", "service", "caddy", "--output=jsonpath={.status.loadBalancer.ingress[0].ip}")
	g.Expect(err).NotTo(HaveOccurred())
	b := "NOERROR " + standby

	asked := startWatch(t, path.B, dnsServer(t, path.B), walkthrough.SharedHostname, 20*time.Millisecond)
	_, err = asked.untilAnswer(ctx, a)
	g.Expect(err).NotTo(HaveOccurred())
	first := len(asked.seen()) - 1
	gapless := startGapless(t, path.B, walkthrough.SharedHostname, "A")
	replaceDNSServers(t)
	gapless.expectOnly(t, a)
	for _, fault := range faults {
		t.Log(fault.about)
		failed := time.Now()
		g.Expect(fault.fail(ctx)).To(Succeed(), fault.about)
		at, err := asked.untilAnswer(ctx, b)
		g.Expect(err).NotTo(HaveOccurred(), fault.about)
		figures.add("From a fault to the first answer with the other cluster, "+fault.about, at.Sub(failed).Round(100*time.Millisecond))
		if !fault.isAlone {
			g.Eventually(func() (string, error) {
				return path.B.Exec(ctx, "default", "client-musl", "/client", "get", "http://"+walkthrough.SharedHostname)
			}).WithTimeout(soon).Should(ContainSubstring(walkthrough.PageOfB), fault.about)
		}
		g.Expect(fault.mend(ctx)).To(Succeed(), fault.about)
		_, err = asked.untilAnswer(ctx, a)
		g.Expect(err).NotTo(HaveOccurred(), fault.about)
	}
	asked.stop()
	for _, answer := range asked.seen()[first:] {
		g.Expect(answer.text).To(Or(Equal(a), Equal(b)), "every query was answered")
	}
}

// faults are the ways in which the gateway of cluster-a fails.
var faults = []struct {
	about string
	// isAlone is true if cluster-b has no API server meanwhile, so that no command can run in its Pods.
	isAlone    bool
	fail, mend func(context.Context) error
}{
	{
		about: "connection refused",
		fail:  func(ctx context.Context) error { return scaleGateway(ctx, "0") },
		mend:  func(ctx context.Context) error { return scaleGateway(ctx, "1") },
	},
	{about: "process stopped", fail: signalGateway(syscall.SIGSTOP), mend: signalGateway(syscall.SIGCONT)},
	{
		about:   "packets dropped, and the API servers of the client and of the management cluster stopped",
		isAlone: true,
		fail: func(ctx context.Context) error {
			return errors.Join(path.B.StopAPIServer(ctx), path.Management.StopAPIServer(ctx), onNodeOfA(ctx, "nft", "-f", dropRules()))
		},
		mend: func(ctx context.Context) error {
			return errors.Join(onNodeOfA(ctx, "nft", "delete", "table", "ip", "fault"), path.Management.StartAPIServer(ctx), path.B.StartAPIServer(ctx))
		},
	},
}

// scaleGateway scales the proxy of cluster-a's gateway, and waits until it has so many Pods.
func scaleGateway(ctx context.Context, replicas string) error {
	if _, err := path.A.Kubectl(ctx, "--namespace=gateway", "scale", "deployment/caddy", "--replicas="+replicas); err != nil {
		return err
	}
	_, err := path.A.Kubectl(ctx, "--namespace=gateway", "rollout", "status", "deployment/caddy", "--timeout=60s")
	return err
}

// signalGateway sends a signal to the proxy of cluster-a's gateway.
func signalGateway(signal syscall.Signal) func(context.Context) error {
	return func(context.Context) error {
		signalled := 0
		err := eachCommandLine(func(arguments []string) bool { return slices.Contains(arguments, "/etc/caddy/Caddyfile") }, func(folder string) error {
			content, err := os.ReadFile(filepath.Join(folder, "root/etc/caddy/Caddyfile"))
			if err != nil || !strings.Contains(string(content), "cluster-a") {
				return err
			}
			pid, err := strconv.Atoi(filepath.Base(folder))
			if err != nil {
				return err
			}
			signalled++
			return syscall.Kill(pid, signal)
		})
		if err == nil && signalled == 0 {
			err = errors.New("no proxy of cluster-a runs")
		}
		return err
	}
}

// dropRules returns a file with rules that drop all packets to the load balancers of cluster-a.
func dropRules() string {
	file := filepath.Join(path.Folder, "drop.nft")
	rules := "table ip fault {\n chain input {\n  type filter hook prerouting priority -300;\n  ip daddr { " +
		strings.Join(path.A.LoadBalancerAddresses(), ", ") + " } drop\n }\n}\n"
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		return "" // nft reports the missing file.
	}
	return file
}

func onNodeOfA(ctx context.Context, command ...string) error {
	return path.A.OnNode(ctx, command...).Run()
}

// steady is a GatewayDNS with a shared name for cluster-a alone.
const steady = `apiVersion: connectivity.tanzu.vmware.com/v1alpha1
kind: GatewayDNS
metadata: {name: steady, namespace: dev-team}
spec:
  clusterSelector: {matchLabels: {hasGateway: "true"}}
  service: gateway/caddy
  subdomain: steady
  shared: {name: steady}
  healthCheck: {interval: 2s, timeout: 1s}
`

// publishSteady publishes a shared name for the rest of the test. It returns the name once both
// clusters resolve it.
func publishSteady(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	const name = "app.steady." + namespace + ".gateways." + zone
	g.Expect(path.Management.Apply(t.Context(), steady)).To(Succeed())
	t.Cleanup(func() {
		_, err := path.Management.Kubectl(context.WithoutCancel(t.Context()), "--namespace="+namespace, "delete", "gatewaydns", "steady")
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
	})
	want := "NOERROR " + address(t)
	for _, cluster := range []*rig.Cluster{path.A, path.B} {
		w := startWatch(t, cluster, dnsServer(t, cluster), name, 20*time.Millisecond)
		_, err := w.untilAnswer(t.Context(), want)
		g.Expect(err).NotTo(HaveOccurred())
		w.stop()
	}
	return name
}

// removeShared removes the GatewayDNS and the application of cluster-b.
func removeShared(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	ctx := context.WithoutCancel(t.Context())
	_, err := path.Management.Kubectl(ctx, "--namespace="+namespace, "delete", "gatewaydns", "shop")
	g.Expect(err).NotTo(HaveOccurred())
	_, err = path.B.Kubectl(ctx, "delete", "--filename="+filepath.Join(path.Folder, "application-b.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
}
