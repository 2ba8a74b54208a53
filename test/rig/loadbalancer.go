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
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// startCloud starts the cloud provider, see package cloud.
func (c *Cluster) startCloud(ctx context.Context) error {
	program, err := c.rig.program(ctx, "cloud")
	if err != nil {
		return err
	}
	command := append([]string{program, c.KubeconfigPath}, c.LoadBalancerAddresses()...)
	command = append(command, c.LoadBalancerAddresses6()...)
	return c.firstNode().namespaces.start(ctx, c.path("log", "cloud.log"), command...)
}

// program builds a program of test/cmd once per rig. It is in the rig's folder, because it may run
// longer than this process.
func (r *Rig) program(ctx context.Context, name string) (string, error) {
	r.buildMu.Lock()
	defer r.buildMu.Unlock()
	program := filepath.Join(r.Dir, "bin", name)
	if r.built[name] {
		return program, nil
	}
	if err := buildOurs(ctx, "./test/cmd/"+name, program); err != nil {
		return "", err
	}
	if r.built == nil {
		r.built = map[string]bool{}
	}
	r.built[name] = true
	return program, nil
}

// LoadBalancerAddresses returns the addresses for Services of type LoadBalancer. The first node has
// all of them, so this machine and all clusters can reach them. Connections to an unassigned
// address are refused.
func (c *Cluster) LoadBalancerAddresses() []string {
	return c.rig.network.loadBalancers(c.index)
}

// LoadBalancerAddresses6 is LoadBalancerAddresses for IPv6.
func (c *Cluster) LoadBalancerAddresses6() []string {
	return c.rig.network.loadBalancers6(c.index)
}

// SetAddress changes the address of a Service of type LoadBalancer, like a cloud that replaces a
// load balancer. Use an unassigned one of LoadBalancerAddresses.
func (c *Cluster) SetAddress(ctx context.Context, namespace, name, address string) error {
	return c.SetLoadBalancer(ctx, namespace, name, corev1.LoadBalancerIngress{IP: address})
}

// SetLoadBalancer writes any status of a load balancer, such as a host name.
func (c *Cluster) SetLoadBalancer(ctx context.Context, namespace, name string, ingress ...corev1.LoadBalancerIngress) error {
	cfg, err := c.RESTConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("making a client for cluster %s: %w", c.Name, err)
	}
	services := client.CoreV1().Services(namespace)
	err = retry.RetryOnConflict(retry.DefaultRetry, func() error {
		service, err := services.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		service.Status.LoadBalancer.Ingress = ingress
		_, err = services.UpdateStatus(ctx, service, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return fmt.Errorf("setting the load balancer of %s/%s in cluster %s: %w", namespace, name, c.Name, err)
	}
	return nil
}
