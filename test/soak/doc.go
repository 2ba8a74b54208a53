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

// Package soak runs the manager for minutes beside a workload cluster and a tenant that do it harm, and holds it to what it
// promises everybody else.
//
//	make soak MINUTES=10 SEED=1
//
// The manager is the released binary, with the memory limit of its Deployment. The management cluster, twenty healthy workload
// clusters in four namespaces and the API server behind the hostile one are real kube-apiservers. The hostile cluster is in the
// namespace of a healthy tenant and selected by its GatewayDNS, where it can do most harm. The hostile tenant has a namespace of
// its own. What both do, in which order and for how long, follows from the seed. They run in a process of the lowest priority, together
// with Cluster API's controllers: in a fleet these have machines of their own.
//
// The run fails if a change of a healthy cluster's gateway takes longer to reach the cluster's neighbours than promised (250 ms at
// the 99th percentile), if a healthy cluster holds a wrong record at the end, if the manager ends or exceeds its memory limit,
// or if a credential that is in no kubeconfig reaches the hostile server.
package soak
