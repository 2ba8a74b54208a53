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
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

const (
	// pace is the interval of the queries, for more than 200 per second. The real rate depends on
	// the load of the machine, so it is printed but not asserted.
	pace = 4 * time.Millisecond

	watcherPod = `
apiVersion: v1
kind: Pod
metadata: {name: watcher, namespace: default}
spec:
  nodeName: NODE # The first, which no test drains.
  terminationGracePeriodSeconds: 1
  containers: [{name: watcher, image: IMAGE, args: [-parallel, resolv.conf, localhost, 24h], stdin: true}]
`
)

// startWatcher starts the Pod for gapless clients.
func startWatcher(ctx context.Context, cluster *rig.Cluster) error {
	image, err := rig.BuildImage(ctx, "dnswatch")
	if err != nil {
		return err
	}
	if err := cluster.LoadImage(ctx, image.Tarball); err != nil {
		return err
	}
	if err := cluster.Apply(ctx, strings.NewReplacer("IMAGE", image.Reference, "NODE", cluster.Name).Replace(watcherPod)); err != nil {
		return err
	}
	_, err = cluster.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "--namespace=default", "pod/watcher")
	return err
}

// gapless is a client in a Pod that queries cluster DNS for a name more than 200 times per second,
// without retries.
type gapless struct {
	*watch

	cluster, name string
}

// startGapless starts a client and waits for its first answer.
func startGapless(t *testing.T, cluster *rig.Cluster, name, recordType string) *gapless {
	t.Helper()
	g := NewWithT(t)
	kubectl, err := components.Path(t.Context(), "kubectl")
	g.Expect(err).NotTo(HaveOccurred())
	w, err := runWatch(exec.CommandContext(t.Context(), kubectl, "--kubeconfig="+cluster.KubeconfigPath, "--namespace=default",
		"exec", "--stdin", "watcher", "--", "/dnswatch", "-parallel", "-type="+recordType, "resolv.conf", name, pace.String()))
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { w.stop() })
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, err = w.until(ctx, func(string) bool { return true })
	g.Expect(err).NotTo(HaveOccurred())
	return &gapless{watch: w, cluster: cluster.Name, name: name + " " + recordType}
}

// expectOnly stops the client and prints its counts. It fails if there was any other answer than
// the given ones.
func (c *gapless) expectOnly(t *testing.T, right ...string) {
	t.Helper()
	g := NewWithT(t)
	changes := c.stop()
	taken := time.Since(c.started)
	total, failed, wrong := 0, 0, 0
	for text, count := range c.counts {
		total += count
		switch {
		case slices.Contains(right, text):
		case isFailure(text):
			failed += count
		default:
			wrong += count
		}
	}
	summary := fmt.Sprintf("%d queries in %.1f s (%.0f per second), %d failed, %d wrong; %s",
		total, taken.Seconds(), float64(total)/taken.Seconds(), failed, wrong, c.slowest)
	fmt.Printf("GAPLESS %s: Pod in %s asked for %s: %s\n", t.Name(), c.cluster, c.name, summary)
	g.Expect(failed+wrong).To(BeZero(), "%s; answers: %v; in their order: %v", summary, c.counts, changes)
}

// isFailure returns whether a result is a failure instead of an answer.
func isFailure(text string) bool {
	return !strings.HasPrefix(text, "NOERROR") && !strings.HasPrefix(text, "NXDOMAIN")
}
