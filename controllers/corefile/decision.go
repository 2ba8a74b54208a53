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

package corefile

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// State sums up the last reconcile. It is the reason of Events, a label of the metric, and a key of the memory ConfigMap.
type State string

const (
	// Forwarding: the Corefile has one server block for each zone, which forwards it to the DNS server.
	Forwarding State = "Forwarding"
	// WaitingForService: the DNS server's Service has no ClusterIP. The Corefile is left as it is.
	WaitingForService State = "WaitingForService"
	// CorefileNotFound: there is no ConfigMap kube-system/coredns, or it has no key Corefile.
	CorefileNotFound State = "CorefileNotFound"
	// UnsupportedCorefile: the Corefile cannot be parsed or cannot be edited safely. It is left as it is.
	UnsupportedCorefile State = "UnsupportedCorefile"
	// ForeignBlock: somebody else's server block serves a zone. The Corefile is left as it is.
	ForeignBlock State = "ForeignBlock"
	// WriteFailed: the API server refused the Corefile. It is tried again.
	WriteFailed State = "WriteFailed"
)

// States returns all states.
func States() []State {
	return []State{Forwarding, WaitingForService, CorefileNotFound, UnsupportedCorefile, ForeignBlock, WriteFailed}
}

// eventType is Warning where somebody has to do something.
func (s State) eventType() string {
	if s == Forwarding || s == WaitingForService {
		return "Normal"
	}
	return "Warning"
}

const (
	coreDNSNamespace = "kube-system"
	coreDNSName      = "coredns"
	corefileKey      = "Corefile"
)

// observation is what a reconcile knows. What does not exist is nil.
type observation struct {
	coreDNS, service, memory *unstructured.Unstructured
}

// decision is what a reconcile should leave behind.
type decision struct {
	state   State
	message string
	// corefile is the Corefile to be. It is the present one when there is nothing to write.
	corefile string
	// written is the memory to be, stored before the Corefile is written.
	written string
}

// decide says what to do about the zones.
func decide(o observation, zones []string) decision {
	d := decision{written: dataOf(o.memory)[keyWritten]}
	if o.coreDNS == nil {
		return d.with(CorefileNotFound, "There is no ConfigMap %s/%s, so names in %s do not resolve in this cluster; "+
			"it is looked for as kubeadm calls it", coreDNSNamespace, coreDNSName, list(zones))
	}
	var found bool
	if d.corefile, found = dataOf(o.coreDNS)[corefileKey]; !found {
		return d.with(CorefileNotFound, "The ConfigMap %s/%s has no key %s, so names in %s do not resolve in this cluster",
			coreDNSNamespace, coreDNSName, corefileKey, list(zones))
	}
	ips := clusterIPsOf(o.service)
	if len(ips) == 0 {
		return d.with(WaitingForService, "The DNS server's Service has no ClusterIP; the Corefile is left as it is")
	}
	settings := corefile.Settings{Zones: zones, ClusterIPs: ips, Written: d.written}
	ensured, err := corefile.Ensure(d.corefile, settings)
	switch {
	case errors.Is(err, corefile.ErrForeignBlock):
		return d.with(ForeignBlock, "The Corefile in %s/%s is left as it is: %s; remove that block or choose another zone",
			coreDNSNamespace, coreDNSName, err)
	case err != nil:
		return d.with(UnsupportedCorefile, "The Corefile in %s/%s is left as it is: %s; correct it and the block for %s will be added",
			coreDNSNamespace, coreDNSName, err, list(zones))
	}
	d.corefile, d.written = ensured, corefile.Remember(settings)
	return d.with(Forwarding, "CoreDNS is configured to forward %s to %s", list(zones), ips[0])
}

func (d decision) with(state State, format string, args ...any) decision {
	d.state, d.message = state, fmt.Sprintf(format, args...)
	return d
}

// changes returns whether the Corefile that was observed is to be written.
func (d decision) changes(o observation) bool {
	return dataOf(o.coreDNS)[corefileKey] != d.corefile
}

// failed is the decision after the API server refused to take it.
func (d decision) failed(err error) decision {
	return d.with(WriteFailed, "The ConfigMap %s/%s could not be written, which is tried again: %s", coreDNSNamespace, coreDNSName, err)
}

func list(zones []string) string {
	return strings.Join(zones, ", ")
}
