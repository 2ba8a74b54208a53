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

// Package corefile keeps one server block per zone in the configuration of a cluster's CoreDNS: it forwards the zone to the DNS server's
// ClusterIP. Install says which keys of which ConfigMaps to write so that the blocks are there, and Uninstall so that they are not. Both are
// functions from what ConfigMaps hold to edits. They read no file, no environment and no clock.
//
// A Corefile belongs to its cluster's administrator, and other tools rewrite it. So the text is edited around a parse and
// not printed from it: everything outside our blocks stays as it is, byte for byte, and Uninstall after Install gives back
// the text that was there before. To make that hold without a memory of the original, Install puts exactly one line break
// in front of each block and Uninstall takes exactly one away. A file that does not end in a line break gets its block on
// the next line, and one that does gets an empty line in between.
//
// What a server block says may come from somewhere else: a bind from a snippet, the whole root block from a file. So all decisions are made
// about the server blocks that CoreDNS has once it has expanded its imports, from the files that a Server can read; the text alone says
// where to edit. The whole is checked as CoreDNS checks it when it starts, without our blocks and with them. What CoreDNS does not start
// with is refused, and so is what cannot be read from here: a file that is in no ConfigMap, and a name from the environment.
//
// Comments do not survive the migration library that kubeadm and the kubeadm control plane run at upgrades, so a block of
// ours is never recognised by one. It is ours if its only key is the zone and
//
//   - its key and body are, as parsed tokens, those of a block in Settings.Written; or
//   - it forwards to the ClusterIP and holds only plugins that this package, the project that it succeeds, or the
//     migration library put there.
//
// Any other block for the zone on the port is a foreign one and nothing is changed, because two blocks for one zone stop
// CoreDNS at its next start. Blocks for a parent or child zone, for another port or for another transport live
// beside ours without a conflict.
//
// The plugins of a server block are not checked beyond what composes them: CoreDNS may not start because of an argument that a plugin
// does not know, and is built with plugins that are not known here.
package corefile
