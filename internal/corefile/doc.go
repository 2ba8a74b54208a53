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

// Package corefile keeps one server block per zone in the configuration of a cluster's CoreDNS. The
// block forwards the zone to the ClusterIP of the dns-server. Install returns the edits of
// ConfigMaps that add the blocks, and Uninstall those that remove them. Both are pure functions of
// the ConfigMaps' content: they read no file, no environment and no clock.
//
// # Servers, mounts and files
//
// A Server is one CoreDNS with a main Corefile. Its Mounts are the volumes of its container,
// because a Corefile can import files. A File is a key of a ConfigMap. Known returns the servers of
// common distributions, and a Choice overrides them. A Cluster is the content of all ConfigMaps of
// its servers.
//
// # Expand, check, edit
//
// CoreDNS expands imports before it parses server blocks. A bind may come from a snippet, and the
// root block from another file. So expand first returns the server blocks that CoreDNS would have,
// from the files that the Server can read. check then finds errors with which CoreDNS would not
// start, such as two blocks for one zone. Decisions use only the expanded blocks: where the main
// block listens, which blocks are ours, and which zones are taken.
//
// The edits are made in the text of the files, not printed from the parsed blocks, because other
// tools and users edit the files, too. Everything outside of our blocks stays byte for byte the
// same. Uninstall after Install restores the original text: Install adds exactly one line break
// before each block, and Uninstall removes exactly one. After the edits, the result is expanded and
// checked again.
//
// ErrUnsupported is returned if CoreDNS would not start with the configuration. It is also returned
// if the configuration depends on a file outside of ConfigMaps or on an environment variable.
//
// # Ownership
//
// The migration library of kubeadm and the kubeadm control plane drops comments, so comments cannot
// mark our blocks. A block is ours if its only key is the zone and one of these holds:
//
//   - Its key and body have the same tokens as a block in Settings.Written.
//   - It forwards to the ClusterIP, and all its plugins are among those that this package, the 2022
//     project or the migration library write.
//
// Any other block for the zone on the same port is foreign. Then nothing is changed, because
// CoreDNS does not start with two blocks for one zone. Blocks for a parent or child zone, another
// port or another transport do not conflict with ours.
//
// # Limits
//
// The arguments of plugins are not checked. CoreDNS may refuse an argument, or be built with
// plugins that this package does not know.
package corefile
