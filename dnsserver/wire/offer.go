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

package wire

import (
	"bytes"
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// serviceHeader is the size of an SRV record without its target (RFC 2782), and servicePort is where its port is.
	serviceHeader = recordHeader + 6
	servicePort   = recordHeader + 4
)

// destination is a name that SRV records lead to.
type destination struct {
	// name is in presentation format without the final dot, and packed is the same in wire format, uncompressed.
	name, packed []byte
}

// appendServices appends as many SRV records as fit, and then addresses of what they lead to. All are as good as each other: there is one
// gateway behind them. name is the owner, and is at the offset.
func (l *lookups) appendServices(r *reply, name []byte, result *zone.Result, owner int) {
	to, alias, ok := l.destination(r, name, result, owner)
	if !ok {
		r.fail()
		return
	}
	count, size := len(result.Services), serviceHeader+len(to.packed)
	fit := min(count, max(0, r.limit-r.size())/size)
	r.truncated = fit < count
	r.answers += fit
	if fit == 0 {
		return
	}
	first := len(r.message)
	// RFC 2782: the target is not compressed. All records differ in their ports alone.
	r.message = appendHeader(r.message, pointer|owner, dns.TypeSRV, l.handler.TTL, size-recordHeader)
	r.message = append(append(r.message, 0, 0, 0, 0, 0, 0), to.packed...)
	for range fit - 1 {
		r.message = append(r.message, r.message[first:first+size]...)
	}
	for i, service := range result.Services[:fit] {
		binary.BigEndian.PutUint16(r.message[first+i*size+servicePort:], service.Port)
	}
	if !r.truncated {
		l.appendDestination(r, to, alias, first-r.start+serviceHeader)
	}
}

// destination returns where the services of a name lead to: to the end of the aliases within our zones where the name behind the
// service is one, because an SRV record must not lead to an alias. alias is the name again then, and else empty. It returns false where there are so many of those that they are more likely
// a loop.
func (l *lookups) destination(r *reply, name []byte, result *zone.Result, owner int) (to destination, alias string, ok bool) {
	if result.Alias == "" {
		packed := r.message[r.start+owner:]
		for range 2 {
			_, name, _ = bytes.Cut(name, []byte{'.'})
			packed = packed[1+packed[0]:]
		}
		return destination{name: name, packed: packed[:len(name)+2]}, "", true
	}
	to, alias = destination{name: result.Target, packed: result.Packed[recordHeader:]}, result.Alias
	for range maxAliases {
		next := l.snapshot.Lookup(to.name, dns.TypeA)
		if next.Kind != zone.Alias {
			return to, alias, true
		}
		to, alias = destination{name: next.Target, packed: next.Packed[recordHeader:]}, next.Alias
	}
	return destination{}, "", false
}

// appendDestination appends the addresses of what SRV records lead to, whose name is at the offset, as far as they are known without
// waiting. An RRset that does not fit as a whole is left out (RFC 2181, section 9).
func (l *lookups) appendDestination(r *reply, to destination, alias string, offset int) {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		packed, count, ttl := l.known(to.name, alias, qtype)
		if !r.fitsExtra(len(packed)) {
			return
		}
		start := len(r.message)
		r.additionals += r.appendAddresses(packed, count)
		if alias != "" {
			setTTL(r.message[start:], addressSize(qtype == dns.TypeA), ttl)
		}
		moveOwners(r.message[start:], addressSize(qtype == dns.TypeA), offset)
	}
}

// known returns address records of a destination, none if it is an alias outside of our zones.
func (l *lookups) known(name []byte, alias string, qtype uint16) (packed []byte, count int, ttl uint32) {
	switch found := l.snapshot.Lookup(name, qtype); found.Kind {
	case zone.Addresses:
		return found.Packed, len(found.Addresses), l.handler.TTL
	case zone.OutsideZones:
		answer := l.handler.Aliases.Cached(alias, qtype)
		if answer == nil || len(answer.Chain) > 0 || answer.Packed == nil {
			return nil, 0, 0
		}
		return answer.Packed, len(answer.Addresses), answer.TTL(l.now)
	default:
		return nil, 0, 0
	}
}

// setTTL sets that of records of one size.
func setTTL(records []byte, size int, ttl uint32) {
	for at := 0; at < len(records); at += size {
		binary.BigEndian.PutUint32(records[at+6:], ttl)
	}
}
