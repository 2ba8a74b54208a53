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
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

const (
	zone       = "xcc.test"
	dnsAddress = "127.0.0.1:1053"
	// patience is the longest wait for one change.
	patience = 2 * time.Minute
)

// setting is a health check to measure.
type setting struct {
	name  string
	check xccv1.HealthCheck
}

var settings = []setting{
	{"interval 2s, timeout 1s", check(2*time.Second, time.Second)},
	{"defaults (10s, 2s)", check(10*time.Second, 2*time.Second)},
}

func check(interval, timeout time.Duration) xccv1.HealthCheck {
	return xccv1.HealthCheck{
		Protocol: xccv1.HealthCheckHTTP, Interval: &metav1.Duration{Duration: interval}, Timeout: &metav1.Duration{Duration: timeout},
	}
}

// world is a consuming cluster: an API server with slices, and a dns-server.
type world struct {
	env    *envtest.Environment
	client client.Client
	server *exec.Cmd
	folder string
}

// newWorld starts an API server with the slices of the kinds, and the dns-server. It returns once the
// dns-server is ready.
func newWorld(ctx context.Context, o options, of []kind, health xccv1.HealthCheck) (*world, error) {
	w := &world{}
	var err error
	if w.folder, err = os.MkdirTemp("", "bench-failover-"); err != nil {
		return nil, err
	}
	if w.env, err = controlplane.New(ctx); err != nil {
		return w, err
	}
	config, err := w.env.Start()
	if err != nil {
		return w, err
	}
	config.QPS, config.Burst = 1000, 1000
	if w.client, err = client.New(config, client.Options{Scheme: scheme.Scheme}); err != nil {
		return w, err
	}
	if err := w.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: xccv1.WorkloadNamespace}}); err != nil {
		return w, err
	}
	for i := range of {
		if err := w.publish(ctx, &of[i], o.gateways, health); err != nil {
			return w, err
		}
	}
	user, err := w.env.AddUser(envtest.User{Name: "dns-server", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return w, err
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return w, err
	}
	path := filepath.Join(w.folder, "kubeconfig")
	if err := os.WriteFile(path, kubeconfig, 0o600); err != nil {
		return w, err
	}
	return w, w.serve(ctx, o, path)
}

// publish writes the slices of a kind's gateways, as the manager does: each gateway and its backup
// have a shared name in a namespace of their own.
func (w *world) publish(ctx context.Context, of *kind, count int, health xccv1.HealthCheck) error {
	primaries, backups := of.primaries(count), of.backups(count)
	for i := range count {
		gatewayDNS := &xccv1.GatewayDNS{
			ObjectMeta: metav1.ObjectMeta{Namespace: of.namespace(i), Name: "shop"},
			Spec:       xccv1.GatewayDNSSpec{Shared: &xccv1.SharedName{Name: "shop"}, HealthCheck: &health},
		}
		gatewayDNS.Status.SharedHostname = "*.shop." + gatewayDNS.Namespace + ".gateways." + zone
		for priority, address := range []string{primaries[i], backups[i]} {
			cluster := fmt.Sprint("cluster-", priority)
			gatewayDNS.Status.Gateways = append(gatewayDNS.Status.Gateways, xccv1.GatewayStatus{
				Cluster: cluster, Hostname: "*.gateway." + cluster + "." + gatewayDNS.Namespace + ".clusters." + zone, State: xccv1.GatewayResolved,
				Addresses: []string{address}, Ports: []xccv1.GatewayPort{{Name: "http", Protocol: "TCP", Port: 8080}},
				Shared: &xccv1.GatewayShare{Priority: new(int32(priority)), Weight: new(int32(1))},
			})
		}
		wanted := plan.Compute(zone, plan.Publish(zone, gatewayDNS, nil).Gateways(), nil, plan.Consumer{Readers: plan.ReadersCurrent})
		for _, slice := range wanted.Create {
			if err := w.client.Create(ctx, slice); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve starts the dns-server and waits until it is ready.
func (w *world) serve(ctx context.Context, o options, kubeconfig string) error {
	w.server = exec.CommandContext(ctx, o.dnsServer, "--kubeconfig="+kubeconfig, "--dns-bind-address="+dnsAddress,
		"--health-bind-address=127.0.0.1:8081", "--metrics-bind-address=127.0.0.1:9153", "--report-bind-address=127.0.0.1:8082", "--lameduck=0s")
	log, err := os.Create(filepath.Join(w.folder, "dns-server.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	w.server.Stdout, w.server.Stderr = log, log
	w.server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.server.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for !isReady(ctx) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until the dns-server is ready: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	return nil
}

func isReady(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:8081/readyz", http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// isolate stops the API server.
func (w *world) isolate() error { return w.env.ControlPlane.APIServer.Stop() }

func (w *world) stop() {
	if w.server != nil && w.server.Process != nil {
		_ = w.server.Process.Kill()
		_ = w.server.Wait()
	}
	if w.env != nil {
		_ = w.env.Stop()
	}
	_ = os.RemoveAll(w.folder)
}
