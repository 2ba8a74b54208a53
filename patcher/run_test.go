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

package patcher_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

// freeAddress returns an address that nobody listens on at the moment.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// status returns the HTTP status and the body of a page, and 0 when nobody answers.
func status(url string) (int, string) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(body)
}

func TestRunServesHealthAndMetricsUntilItIsStopped(t *testing.T) {
	g := NewWithT(t)
	env, err := controlplane.New(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	_, err = env.Start()
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(env.Stop()).To(Succeed()) })
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(kubeconfig, env.KubeConfig, 0o600)).To(Succeed())

	options := patcher.Options{
		Zones: []string{"xcc.test"}, Namespace: "xcc-dns", Kubeconfig: kubeconfig,
		HealthBindAddress: freeAddress(t), MetricsBindAddress: freeAddress(t),
		ProbeInterval: time.Second, ResolvConf: "testdata/resolv.conf",
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- patcher.Run(ctx, options) }()

	g.Eventually(func() int { code, _ := status("http://" + options.HealthBindAddress + "/readyz"); return code }, 30*time.Second).
		Should(Equal(http.StatusOK), "the watches sync")
	code, _ := status("http://" + options.HealthBindAddress + "/healthz")
	g.Expect(code).To(Equal(http.StatusOK))
	_, metrics := status("http://" + options.MetricsBindAddress + "/metrics")
	g.Expect(metrics).To(ContainSubstring("xcc_corefile_writes_total 0"))
	g.Eventually(func() string {
		_, metrics := status("http://" + options.MetricsBindAddress + "/metrics")
		return metrics
	}, 30*time.Second).
		Should(MatchRegexp(`xcc_probes_total\{result="no_nameserver"\} [1-9]`), "it asks")

	stop()
	g.Eventually(ended, 30*time.Second).Should(Receive(Succeed()), "it ends with the context")
}

func TestRunIsNotReadyWithoutAnAPIServer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	options := patcher.Options{
		Zones: []string{"xcc.test"}, Namespace: "xcc-dns", Kubeconfig: writeKubeconfig(t, freeAddress(t)),
		HealthBindAddress: freeAddress(t), MetricsBindAddress: freeAddress(t),
		ProbeInterval: time.Second, ResolvConf: "testdata/resolv.conf",
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- patcher.Run(ctx, options) }()
	g.Eventually(func() int { code, _ := status("http://" + options.HealthBindAddress + "/healthz"); return code }, 30*time.Second).
		Should(Equal(http.StatusOK), "the process lives")
	code, body := status("http://" + options.HealthBindAddress + "/readyz")
	g.Expect(code).To(Equal(http.StatusServiceUnavailable))
	g.Expect(body).To(ContainSubstring("the watches have not synced"))
	stop()
	g.Eventually(ended, 30*time.Second).Should(Receive(Succeed()), "it ends before it has synced, too")
}

func TestRunFailsOnAnAddressInUse(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = listener.Close() })
	err = patcher.Run(t.Context(), patcher.Options{
		Zones: []string{"xcc.test"}, Namespace: "xcc-dns", Kubeconfig: writeKubeconfig(t, freeAddress(t)),
		HealthBindAddress: freeAddress(t), MetricsBindAddress: listener.Addr().String(),
		ProbeInterval: time.Second, ResolvConf: "testdata/resolv.conf",
	})
	g.Expect(err).To(MatchError(ContainSubstring("address already in use")))
}

func writeKubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	NewWithT(t).Expect(os.WriteFile(path, []byte(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://`+server+`"}}]
users: [{name: u, user: {}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`), 0o600)).To(Succeed())
	return path
}
