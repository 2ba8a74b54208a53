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

// Package cloud is the cloud provider of a rig's cluster. It assigns an address of each family from
// a list to every Service of type LoadBalancer.
//
// The node already has the addresses, so the provider only writes status.loadBalancer, and
// kube-proxy does the rest. A deleted Service needs no cleanup. The provider keeps an existing
// address, so a test can change it. As the API requires, it ignores Services with a
// loadBalancerClass. A test uses that for a Service without an address.
package cloud
