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

// Package rig runs real Kubernetes clusters on one Linux machine as root. It needs no container
// engine, no image registry and no downloads.
//
//	r, err := rig.New(ctx, "e2e", os.Stdout)
//	a, err := r.StartCluster(ctx, "cluster-a")
//	err = a.LoadImage(ctx, "out/images/xcc-dns.tar")
//	out, err := a.Exec(ctx, "default", "client", "/client", "resolve", "kubernetes.default.svc.cluster.local")
//	err = r.Down(ctx)
//
// A cluster has one node with a control plane: etcd, kube-apiserver, kube-controller-manager,
// kube-scheduler, kubelet, kube-proxy and CoreDNS from package components, and containerd and runc
// from Debian. AddNode adds a node. All clusters have the same IPv4 and IPv6 ranges for Pods and
// Services on purpose. They can reach only each other's node and load balancer addresses, on one
// bridge.
//
// # Cleanup
//
// A node has a process namespace, a mount namespace and a network namespace. Killing the first
// process of the process namespace ends all processes of the node, including Pods. The kernel then
// removes the mounts and the network. So a killed run is cleaned up like a finished one. Only a
// bridge and a state folder with the rig's name remain, and empty control groups.
//
// # Limits
//
// There is no highly available control plane. Pods cannot reach the internet.
package rig
