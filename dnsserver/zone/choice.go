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

package zone

import (
	"math/rand/v2"
	"net/netip"
	"slices"

	"github.com/miekg/dns"
)

// Choices are the gateways that the answers for a name choose from. They never change.
type Choices struct {
	// All are the choices. If there are none, the addresses of the name are not known.
	All []Choice
	// MaxTTL limits the TTL of the answers, in seconds; 0 sets no limit.
	MaxTTL uint32
	// Usage notes the queries. It is nil if they do not matter.
	Usage Usage
}

// Usage notes the queries for a name. It is safe for concurrent use, and its values are comparable.
type Usage interface {
	// Mark notes a query.
	Mark()
}

// Choice is one of several sets of addresses. Each answer has all addresses of one choice, and
// chooses it with a probability in proportion to its weight. If all weights are 0, all choices are
// equally likely (RFC 2782).
type Choice struct {
	Weight uint16
	// Addresses are sorted, IPv4 first, without duplicates.
	Addresses []netip.Addr
}

// Equal returns whether the answers from both are the same. Either may be nil.
func (c *Choices) Equal(other *Choices) bool {
	if c == nil || other == nil {
		return c == other
	}
	return c.MaxTTL == other.MaxTTL && c.Usage == other.Usage && slices.EqualFunc(c.All, other.All, func(a, b Choice) bool {
		return a.Weight == b.Weight && slices.Equal(a.Addresses, b.Addresses)
	})
}

// packedChoice is a choice in wire format.
type packedChoice struct {
	// limit is the sum of the weights of this choice and those before it.
	limit      uint32
	ipv4, ipv6 []netip.Addr
	// packed4 and packed6 are the address records of each family.
	packed4, packed6 []byte
}

// maxTotal bounds the sum of the weights: 65,536 choices of the greatest weight.
const maxTotal = 1<<32 - 1

func packChoices(choices *Choices, packer Packer) *indirect {
	result := &indirect{given: choices, choices: make([]packedChoice, 0, len(choices.All))}
	isWeighted := slices.ContainsFunc(choices.All, func(c Choice) bool { return c.Weight > 0 })
	for _, choice := range choices.All {
		weight := uint32(choice.Weight)
		if !isWeighted {
			weight = 1
		}
		if weight > maxTotal-result.total {
			break
		}
		result.total += weight
		ipv4 := 0
		for ipv4 < len(choice.Addresses) && choice.Addresses[ipv4].Is4() {
			ipv4++
		}
		packed := packedChoice{limit: result.total, ipv4: choice.Addresses[:ipv4:ipv4], ipv6: choice.Addresses[ipv4:]}
		if len(packed.ipv4) > 0 {
			packed.packed4 = packer.Addresses(packed.ipv4, choices.MaxTTL)
		}
		if len(packed.ipv6) > 0 {
			packed.packed6 = packer.Addresses(packed.ipv6, choices.MaxTTL)
		}
		result.choices = append(result.choices, packed)
	}
	return result
}

// equal returns whether both have the same content. Either may be nil.
func (i *indirect) equal(other *indirect) bool {
	if i == nil || other == nil {
		return i == other
	}
	return i.name == other.name && i.given.Equal(other.given)
}

// choose answers a query for a name with choices.
func (i *indirect) choose(z *Zone, qtype uint16) Result {
	found := Result{Kind: Addresses, Zone: z, Choices: i.given}
	switch {
	case qtype == dns.TypeANY:
		found.Kind = Exists
		return found
	case qtype != dns.TypeA && qtype != dns.TypeAAAA:
		found.Kind = NoData
		return found
	case len(i.choices) == 0:
		found.Kind = Unresolved
		return found
	}
	drawn := i.draw()
	if qtype == dns.TypeA {
		found.Addresses, found.Packed = drawn.ipv4, drawn.packed4
	} else {
		found.Addresses, found.Packed = drawn.ipv6, drawn.packed6
	}
	if len(found.Addresses) == 0 {
		found.Kind = NoData
	}
	return found
}

// draw returns a random choice.
func (i *indirect) draw() *packedChoice {
	if len(i.choices) == 1 {
		return &i.choices[0]
	}
	drawn := rand.Uint32N(i.total) //nolint:gosec // This spreads load and protects nothing.
	low, high := 0, len(i.choices)-1
	for low < high {
		if middle := int(uint(low+high) >> 1); i.choices[middle].limit > drawn {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return &i.choices[low]
}
