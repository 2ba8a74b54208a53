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

// Package capability is how a dns-server tells the manager what it reads of EndpointSlices, so that the manager writes nothing that
// a dns-server of a former release would not understand.
//
// An init container of the dns-server's Pod, of the same image, runs "dns-server --version" with FileVariable set to the file of its
// termination message. A dns-server that knows the variable writes All there, and the kubelet copies it to the status of the Pod.
// An image of a former release does not know the variable: its message stays empty, and its Pods start as they always did. So what
// runs says what it reads, whatever the image is called, and the dns-server needs no right to write to its API server.
package capability
