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

// Package soak runs the manager for minutes while a workload cluster and a tenant attack it. It
// checks the promises to all others.
//
//	make soak MINUTES=10 SEED=1
//
// The manager is the released binary, with the memory limit of its Deployment. The management
// cluster, twenty healthy workload clusters in four namespaces and the API server behind the
// hostile one are real kube-apiservers. The hostile cluster is in the namespace of a healthy
// tenant, whose GatewayDNS selects it. There, it can do the most harm. The hostile tenant has its
// own namespace. The seed determines the attacks, their order and their durations. They run in a
// process with the lowest priority, together with Cluster API's controllers, which run on other
// machines in a fleet.
//
// The run fails in these cases:
//   - A change of a healthy cluster's gateway takes longer than 250 ms to reach its neighbours, at
//     the 99th percentile.
//   - A healthy cluster has a wrong record at the end.
//   - The manager ends or exceeds its memory limit.
//   - The hostile server receives a credential that is in no kubeconfig.
package soak
