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

// Package claims decides which of several GatewayDNS of a namespace has a name that more than one asks for.
//
// A GatewayDNS claims the name of each Cluster that it selects, since a time that it carries in its annotation
// connectivity.tanzu.vmware.com/claims, because neither a status nor a creation time survives a move or a restore. The
// earliest claim has the name, ties by the name of the GatewayDNS; the others wait, and the next of them has it when the
// claim before theirs ends.
//
// A claim ends only on a positive fact: its Cluster exists and is not selected or is being deleted, or spec.subdomain has
// changed. It does not end because its Cluster does not exist, which is how it looks in the middle of a move. That is why
// the claims of Clusters that are gone for good stay; they take nothing from anybody, and count again for a Cluster that is
// created under the same name.
//
// A new claim is never earlier than one that is there: the clock of the machine that writes it may be behind, and a name that is
// in use must not change hands for that. Creation times count only between GatewayDNS that have not claimed anything yet, such as
// those of a version before there were claims: a written claim comes before them, because a move makes creation times new.
//
// It has no client and no clock. Names of different namespaces are never equal, so nothing outside of a namespace is asked.
package claims
