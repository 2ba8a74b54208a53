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

package rig

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rights"
)

func (c *Cluster) startEtcd(ctx context.Context) error {
	return c.startComponent(ctx, "etcd",
		"--data-dir="+c.path("etcd"),
		"--listen-client-urls=http://127.0.0.1:2379",
		"--advertise-client-urls=http://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380",
		// A rig does not survive a power failure anyway.
		"--unsafe-no-fsync=true",
	)
}

// AuditLog returns the path of the audit log with the requests of ServiceAccounts, one
// audit.k8s.io/v1 Event per line.
func (c *Cluster) AuditLog() string { return c.path("audit.log") }

func (c *Cluster) startAPIServer(ctx context.Context) error {
	if err := os.WriteFile(c.path("audit-policy.yaml"), []byte(rights.AuditPolicy), 0o600); err != nil {
		return fmt.Errorf("writing the audit policy of cluster %s: %w", c.Name, err)
	}
	return c.startComponent(ctx, "kube-apiserver",
		"--advertise-address="+c.Address,
		"--allow-privileged=true",
		"--audit-log-path="+c.AuditLog(),
		"--audit-policy-file="+c.path("audit-policy.yaml"),
		"--authorization-mode=Node,RBAC",
		"--client-ca-file="+c.path("pki", "ca.crt"),
		"--enable-admission-plugins=NodeRestriction",
		"--etcd-servers=http://127.0.0.1:2379",
		"--kubelet-client-certificate="+c.path("pki", "apiserver-kubelet-client.crt"),
		"--kubelet-client-key="+c.path("pki", "apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--secure-port=6443",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+c.path("pki", "sa.crt"),
		"--service-account-signing-key-file="+c.path("pki", "sa.key"),
		"--service-cluster-ip-range="+serviceCIDR+","+serviceCIDR6,
		"--tls-cert-file="+c.path("pki", "apiserver.crt"),
		"--tls-private-key-file="+c.path("pki", "apiserver.key"),
	)
}

func (c *Cluster) startControllers(ctx context.Context) error {
	err := c.startComponent(ctx, "kube-controller-manager",
		// The Pod range of a node depends on its number, see Node.podCIDR.
		"--allocate-node-cidrs=false",
		"--cluster-signing-cert-file="+c.path("pki", "ca.crt"),
		"--cluster-signing-key-file="+c.path("pki", "ca.key"),
		// The start needs some hundred requests, which take 5 seconds at the default rate.
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
		"--kubeconfig="+c.path("controller-manager.conf"),
		"--leader-elect=false",
		"--root-ca-file="+c.path("pki", "ca.crt"),
		"--secure-port=0",
		"--service-account-private-key-file="+c.path("pki", "sa.key"),
		"--service-cluster-ip-range="+serviceCIDR+","+serviceCIDR6,
		"--use-service-account-credentials=true",
	)
	if err != nil {
		return err
	}
	return c.startComponent(ctx, "kube-scheduler",
		"--kubeconfig="+c.path("scheduler.conf"),
		"--leader-elect=false",
		"--secure-port=0",
	)
}

// StopAPIServer stops only the API server. Pods, Services and load balancers of the cluster keep
// working.
func (c *Cluster) StopAPIServer(ctx context.Context) error {
	// kube-apiserver would wait a minute for open watches.
	if err := c.firstNode().namespaces.stop(ctx, "kube-apiserver", 2*time.Second); err != nil {
		return fmt.Errorf("stopping the API server of cluster %s: %w", c.Name, err)
	}
	return nil
}

// StartAPIServer restarts a stopped API server and waits until it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error {
	running, err := c.firstNode().namespaces.find("kube-apiserver")
	if err != nil {
		return err
	}
	if len(running) == 0 {
		if err := c.startAPIServer(ctx); err != nil {
			return fmt.Errorf("starting the API server of cluster %s: %w", c.Name, err)
		}
	}
	return c.waitAPIServer(ctx)
}

func (c *Cluster) waitAPIServer(ctx context.Context) error {
	cfg, err := c.RESTConfig()
	if err != nil {
		return err
	}
	cfg.Timeout = time.Second
	client, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return fmt.Errorf("making a client for cluster %s: %w", c.Name, err)
	}
	return poll(ctx, fmt.Sprintf("the API server of cluster %s is ready", c.Name), func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server()+"/readyz", nil)
		if err != nil {
			return false
		}
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}
