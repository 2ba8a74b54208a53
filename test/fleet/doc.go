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

// Package fleet gives tests a management cluster, workload clusters and a
// manager that connects them: real API servers without nodes.
//
//	func TestMain(m *testing.M) { fleet.Main(m) }
//
//	func TestGateway(t *testing.T) {
//		t.Parallel()
//		n := fleet.NewTenant(t)
//		service := fleet.AddService(t, fleet.WorkloadA, corev1.ServiceTypeLoadBalancer, "192.0.2.1")
//		n.AddCluster("cluster-a", fleet.WorkloadA.Kubeconfig, fleet.HasGateway())
//		n.AddGatewayDNS("gw", fleet.ServiceRef(service))
//		n.Eventually(n.Gateways("gw")).Should(…)
//	}
//
// All tests of a package share the management cluster and two workload
// clusters, which start when the first test needs them. A test that runs alone
// therefore waits some seconds, and pure tests of the package wait for none.
//
// Each tenant is a namespace of the management cluster with a manager of its
// own, whose cache holds that namespace alone. So tests run in parallel, restart
// their manager, change its flags and read its metrics without meeting each
// other. The manager runs with Cluster API's ClusterResourceSet controller if a
// Cluster of the tenant asks for the add-on.
//
// WorkloadA holds gateways and never consumes. WorkloadB consumes the records of
// all tests, each of which sees its own names. A test that installs the add-on,
// counts consumers, nodes or watches takes a workload cluster for itself, with
// NewWorkload. It is emptied when the test ends and given to another one, because
// an API server takes seconds of CPU time to start.
//
// The package does not stand for nodes: Node writes what a kubelet and the
// add-on's own Pods would report.
package fleet
