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

// Package rig runs real Kubernetes clusters on one Linux machine, as root,
// without a container engine, an image registry or a download.
//
//	r, err := rig.New(ctx, "e2e", os.Stdout)
//	a, err := r.StartCluster(ctx, "cluster-a")
//	err = a.LoadImage(ctx, "out/images/xcc-dns.tar")
//	out, err := a.Exec(ctx, "default", "client", "/client", "resolve", "kubernetes.default.svc.cluster.local")
//	err = r.Down(ctx)
//
// A cluster is one node with a control plane: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, kubelet, kube-proxy and CoreDNS from
// package components, containerd and runc from Debian. AddNode gives it another
// one. All clusters use the same Pod and Service addresses on purpose, of IPv4
// and of IPv6; what they can reach of each other is the nodes' addresses and the
// load balancers' addresses, on one bridge.
//
// # How it cleans up whatever happened
//
// A node is a process namespace, a mount namespace and a network namespace.
// Killing the first process of the process namespace ends everything that runs
// in the cluster, Pods included, and with the last process the mounts and the
// network are gone too: the kernel does the work, and a killed run is cleaned
// up in the same way as a finished one. What is left are a bridge and a state
// folder, both called after the rig, and empty control groups.
//
// # What it does not do
//
// It starts no highly available control plane.
// Nothing leaves the machine: a Pod cannot reach the internet.
package rig
