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

// Package corefile keeps one server block per zone in a CoreDNS Corefile: it forwards the zone to the DNS server's
// ClusterIP. Ensure puts the blocks there, Remove takes them out, Remember says what was written. All three are functions
// from text to text. They read no file, no environment and no clock.
//
// A Corefile belongs to its cluster's administrator, and other tools rewrite it. So the text is edited around a parse and
// not printed from it: everything outside our blocks stays as it is, byte for byte, and Remove after Ensure gives back
// the text that Ensure was given. To make that hold without a memory of the original, Ensure puts exactly one line break
// in front of each block and Remove takes exactly one away. A file that does not end in a line break gets its block on
// the next line, and one that does gets an empty line in between.
//
// Comments do not survive the migration library that kubeadm and the kubeadm control plane run at upgrades, so a block of
// ours is never recognised by one. It is ours if its only key is the zone and
//
//   - its key and body are, as parsed tokens, those of a block that Remember was told about; or
//   - it forwards to the ClusterIP and holds only plugins that this package, the project that it succeeds, or the
//     migration library put there.
//
// Any other block for the zone on port 53 is a foreign one and nothing is changed, because two blocks for one zone stop
// CoreDNS at its next start. Blocks for a parent or child zone, for another port or for another transport live
// beside ours without a conflict.
//
// CoreDNS accepts more than this package does. What cannot be judged or safely edited as text (imported server blocks,
// keys from the environment, a file with one block without braces), a main block that is not on port 53 or is bound to
// addresses, and a zone with names of the cluster's own Services and Pods are refused with an error that says why. Files
// that the Corefile imports are not seen: a block for the zone in there goes unnoticed.
package corefile
