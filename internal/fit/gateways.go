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

package fit

import (
	"fmt"
	"slices"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// Budget is the limit of status.gateways, in bytes of JSON. etcd's default limit of an object is
// 1.5 MiB. The rest is for the annotations, which may have 256 KiB, the spec, the conditions and
// status.consumers.
const Budget = 1 << 20

const (
	// entryOverhead is the JSON size of the field names, the state and the times of an entry,
	// rounded up.
	entryOverhead = 200
	// addressOverhead and portOverhead are the JSON sizes of an address and a port without their
	// texts.
	addressOverhead = 1
	portOverhead    = 48
	// shareOverhead is the JSON size of a part in the shared name without its locality, rounded up.
	shareOverhead = 64
	// shortMessage is the limit of an oversized entry's message, in bytes.
	shortMessage = 128
)

// Gateways returns the entries as Gateway does, and limits all of them together to the Budget. Each
// entry has an equal share, and larger entries divide the unused rest of smaller ones. So an entry
// within its share never changes because of others. For a larger entry, the message is shortened,
// and then the last ports and the last addresses are left out. The part in the shared name stays.
func Gateways(gateways []xccv1.GatewayStatus) []xccv1.GatewayStatus {
	fitting := make([]xccv1.GatewayStatus, 0, len(gateways))
	sizes := make([]int, 0, len(gateways))
	for _, gateway := range gateways {
		gateway = Gateway(gateway)
		fitting = append(fitting, gateway)
		sizes = append(sizes, size(&gateway))
	}
	share, enough := shareOf(sizes, Budget)
	if enough {
		return fitting
	}
	for i := range fitting {
		if sizes[i] > share {
			fitting[i] = shrink(fitting[i], share)
		}
	}
	return fitting
}

// shareOf returns the largest size of an entry with which all fit the budget, and whether they fit
// without a limit. Larger entries divide the unused rest of smaller ones.
func shareOf(sizes []int, budget int) (share int, enough bool) {
	sorted := slices.Sorted(slices.Values(sizes))
	for i, size := range sorted {
		share = budget / (len(sorted) - i)
		if size > share {
			return share, false
		}
		budget -= size
	}
	return share, true
}

// shrink limits the size of an entry to its share. It always keeps one address.
func shrink(gateway xccv1.GatewayStatus, share int) xccv1.GatewayStatus {
	addresses, ports := len(gateway.Addresses), len(gateway.Ports)
	gateway.Message = text.Line(gateway.Message, shortMessage)
	room := share - size(&gateway) - max(0, shortMessage-len(gateway.Message)) // A message that is set below may be longer.
	for room < 0 && len(gateway.Ports) > 0 {
		last := len(gateway.Ports) - 1
		room += portSize(gateway.Ports[last])
		gateway.Ports = gateway.Ports[:last:last]
	}
	if len(gateway.Ports) == 0 {
		gateway.Ports = nil
	}
	for room < 0 && len(gateway.Addresses) > 1 {
		last := len(gateway.Addresses) - 1
		room += addressSize(gateway.Addresses[last])
		gateway.Addresses = gateway.Addresses[:last:last]
	}
	if len(gateway.Addresses) < addresses || len(gateway.Ports) < ports {
		gateway.Message = text.Line(fmt.Sprintf("Only %d of %d addresses and %d of %d ports are published, because the status would be too large with all of them",
			len(gateway.Addresses), addresses, len(gateway.Ports), ports), shortMessage)
	}
	return gateway
}

// size returns the size of an entry in bytes of JSON, rounded up.
func size(gateway *xccv1.GatewayStatus) int {
	total := entryOverhead + jsonSize(gateway.Cluster) + jsonSize(gateway.Hostname) + jsonSize(gateway.Source) + jsonSize(gateway.Message)
	for _, address := range gateway.Addresses {
		total += addressSize(address)
	}
	for _, port := range gateway.Ports {
		total += portSize(port)
	}
	if gateway.Shared != nil {
		total += shareOverhead
		for _, value := range gateway.Shared.Locality {
			total += len(",") + jsonSize(value)
		}
	}
	return total
}

func addressSize(address string) int { return addressOverhead + jsonSize(address) }

func portSize(port xccv1.GatewayPort) int { return portOverhead + jsonSize(port.Name) }

// jsonSize returns the size of a string in JSON, rounded up. encoding/json escapes HTML characters.
func jsonSize(text string) int {
	const quotes, escaped, escapedShort = 2, 6, 2
	total := quotes
	for _, c := range []byte(text) {
		switch {
		case c < ' ', c == '<', c == '>', c == '&':
			total += escaped
		case c == '"', c == '\\':
			total += escapedShort
		default:
			total++
		}
	}
	return total
}
