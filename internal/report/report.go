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

// Package report is what dns-config-patcher reports of its workload cluster and the manager reads: the keys and values of
// the ConfigMap that is called as its Deployment, in the namespace xcc-dns.
package report

// State says whether CoreDNS is configured to forward the zones.
type State string

const (
	// Forwarding: the Corefile has one server block for each zone, which forwards it to the DNS server.
	Forwarding State = "Forwarding"
	// WaitingForService: the DNS server's Service has no ClusterIP. The Corefile is left as it is.
	WaitingForService State = "WaitingForService"
	// WaitingForConfigMap: the Corefile imports a ConfigMap that does not exist. Nothing is written until the manager has
	// created it, because the patcher has no right to create ConfigMaps in kube-system.
	WaitingForConfigMap State = "WaitingForConfigMap"
	// CorefileNotFound: there is no ConfigMap kube-system/coredns, or it has no key Corefile.
	CorefileNotFound State = "CorefileNotFound"
	// UnsupportedCorefile: the Corefile cannot be parsed or cannot be edited safely. It is left as it is.
	UnsupportedCorefile State = "UnsupportedCorefile"
	// ForeignBlock: somebody else's server block serves a zone. The Corefile is left as it is.
	ForeignBlock State = "ForeignBlock"
	// WriteFailed: the API server refused the Corefile. It is tried again.
	WriteFailed State = "WriteFailed"
	// Removed: as RemoveAnnotation asked, no server block of ours is in the Corefile, and none will be written.
	Removed State = "Removed"
)

// States returns all states.
func States() []State {
	return []State{
		Forwarding, WaitingForService, WaitingForConfigMap, CorefileNotFound, UnsupportedCorefile, ForeignBlock, WriteFailed, Removed,
	}
}

// MaxWritten is how long the value of KeyWritten may be, in bytes. The manager keeps a copy of it in an annotation, and copies
// nothing that is longer. It is room for the latest 32 blocks of one zone with a name of usual length.
const MaxWritten = 8 << 10

// The keys of the ConfigMap.
const (
	// KeyState holds a State, and KeyMessage a sentence that says why and what to do.
	KeyState   = "state"
	KeyMessage = "message"
	// KeySince holds when KeyState or KeyWrittenTo changed last, as in RFC 3339.
	KeySince = "since"
	// KeyCoreDNS holds which CoreDNS was found, for people.
	KeyCoreDNS = "coreDNS"
	// KeyWritten is the memory of the server blocks that were written last. It is nobody else's business.
	KeyWritten = "written"
	// KeyWrittenTo holds which keys have server blocks of ours, or are about to: each as <namespace>/<configmap>/<key>,
	// separated by commas.
	KeyWrittenTo = "writtenTo"
	// KeyNameservers holds the addresses that the patcher's Pod, like other Pods, asks for names, separated by spaces.
	KeyNameservers = "nameservers"
	// KeyProbe holds why the last lookup through the cluster's own DNS failed, and is empty or absent when it succeeded.
	KeyProbe = "probe"
)
