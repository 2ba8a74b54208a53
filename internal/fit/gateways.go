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

// Budget is how many bytes of JSON the gateways in one status may take. etcd takes objects of up to 1.5 MiB; the rest
// is for the annotations, which may have 256 kB, the spec, the conditions and status.consumers.
const Budget = 1 << 20

const (
	// entryOverhead is the size of the field names, the state and the times of an entry in JSON, rounded up.
	entryOverhead = 200
	// addressOverhead and portOverhead are the size of an address and a port besides their texts.
	addressOverhead = 1
	portOverhead    = 48
	// shortest is the length to which the message of an entry that is too large is cut, in bytes.
	shortest = 128
)

// Gateways makes the entries fit one by one, as Gateway does, and together into the Budget. Each has an equal share
// of it, and the unused rest of a share is for the others. So other entries never change an entry within its share.
// In a larger entry the message is shortened, then the last ports and the last addresses are left out.
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

// shareOf returns how much each may have so that all together keep to the budget. The larger ones divide the unused
// rest of the smaller ones. It returns whether the budget is enough for all sizes.
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

// shrink returns an entry as it fits into a share. One address stays in any case.
func shrink(gateway xccv1.GatewayStatus, share int) xccv1.GatewayStatus {
	addresses, ports := len(gateway.Addresses), len(gateway.Ports)
	gateway.Message = text.Line(gateway.Message, shortest)
	room := share - size(&gateway) - max(0, shortest-len(gateway.Message)) // The message may become another one.
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
			len(gateway.Addresses), addresses, len(gateway.Ports), ports), shortest)
	}
	return gateway
}

// size returns how many bytes an entry takes in JSON, rounded up.
func size(gateway *xccv1.GatewayStatus) int {
	total := entryOverhead + jsonSize(gateway.Cluster) + jsonSize(gateway.Hostname) + jsonSize(gateway.Source) + jsonSize(gateway.Message)
	for _, address := range gateway.Addresses {
		total += addressSize(address)
	}
	for _, port := range gateway.Ports {
		total += portSize(port)
	}
	return total
}

func addressSize(address string) int { return addressOverhead + jsonSize(address) }

func portSize(port xccv1.GatewayPort) int { return portOverhead + jsonSize(port.Name) }

// jsonSize returns how many bytes a text takes in JSON as encoding/json writes it, which escapes the markup of HTML.
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
