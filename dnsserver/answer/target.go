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

package answer

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// appendTarget appends the addresses of an alias target outside our zones, because the resolver in
// a pod does not look them up. The target's name is at the offset owner. It returns false if the
// response has to wait.
func (b *builder) appendTarget(target string, owner int) bool {
	answer := b.target(target)
	switch {
	case answer == nil:
		return false
	case answer.Rcode == dns.RcodeServerFailure, answer.Packed == nil && len(answer.Addresses)+len(answer.Chain) > 0:
		b.fail()
		return true
	}
	start, count := len(b.message), len(answer.Addresses)
	chain := len(answer.Packed) - count*addressSize(b.qtype == dns.TypeA)
	if !b.fits(chain) {
		b.truncated = true
		return true
	}
	b.message = append(b.message, answer.Packed[:chain]...)
	b.answers += len(answer.Chain) + b.appendAddresses(answer.Packed[chain:], count)
	relocateTarget(b.message[start:], owner, answer.TTL(b.now))
	b.rcode = answer.Rcode
	return true
}

// target returns the addresses of a target outside our zones. It returns nil if a lookup is needed
// and the query does not wait.
func (b *builder) target(name string) *alias.Answer {
	switch b.patience {
	case query.Wait:
		return b.handler.Aliases.Wait(name, b.qtype)
	case query.GiveUp:
		return &alias.Answer{Rcode: dns.RcodeServerFailure}
	default:
		return b.handler.Aliases.Cached(name, b.qtype)
	}
}

// PackTarget encodes the records of an alias target outside our zones, for alias.Options. Their
// owners are offsets from the target's name, and their TTLs are 0: relocateTarget replaces both. It
// returns nil if a name cannot be encoded.
func PackTarget(target string, answer *alias.Answer) []byte {
	owner := 0
	end := len(packName(target + "."))
	var packed []byte
	for _, next := range answer.Chain {
		name := packName(next)
		if name == nil {
			return nil
		}
		packed = appendHeader(packed, owner, dns.TypeCNAME, 0, len(name))
		// Package alias bounds the chain, so that pointers reach all of it: 17 names of 255 octets.
		owner = end + len(packed)
		packed = append(packed, name...)
	}
	for _, address := range answer.Addresses {
		packed = appendAddress(packed, owner, 0, address)
	}
	return packed
}

// relocateTarget completes the records of PackTarget for a message in which the target's name is at
// the given offset.
func relocateTarget(packed []byte, offset int, ttl uint32) {
	for at := 0; at < len(packed); {
		record := packed[at:]
		owner := int(binary.BigEndian.Uint16(record))
		binary.BigEndian.PutUint16(record, uint16(pointer|owner+offset)) //nolint:gosec // See PackTarget.
		binary.BigEndian.PutUint32(record[6:], ttl)
		at += recordHeader + int(binary.BigEndian.Uint16(record[10:]))
	}
}
