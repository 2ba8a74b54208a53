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

// Package capability lets a dns-server tell the manager which annotations of an EndpointSlice it
// reads. The manager writes no annotation that a dns-server of an older release in the same cluster
// would ignore.
//
// An init container of the dns-server's Pod runs the same image with "dns-server --version".
// FileVariable names the file of the container's termination message. If the dns-server knows the
// variable, it writes All to the file, and the kubelet copies the message to the Pod's status. An
// image of an older release does not know the variable: its message stays empty, and its Pods start
// as before.
//
// The capabilities come from the running binary, so they do not depend on the image's tag. The
// dns-server needs no permission to write to its API server.
package capability
