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

// Package cloud plays the cloud provider of a rig's cluster: it gives every
// Service of type LoadBalancer an address of each of its families from a list.
//
// The addresses are on the node already, so all that is to do is to write
// status.loadBalancer; kube-proxy does the rest, and nothing is to be undone
// when a Service goes. An address that a Service has is kept, whoever wrote it,
// so a test can change it. Services with a loadBalancerClass are somebody
// else's, as the API says: that is how a test gets one without an address.
package cloud
