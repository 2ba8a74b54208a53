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

package query

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// countedTypes are the types that clients use. All other types share the counter of type 0, so that
// no client can make the metrics grow.
var countedTypes = [...]uint16{
	dns.TypeNone, dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeMX, dns.TypeNS, dns.TypePTR,
	dns.TypeSOA, dns.TypeSRV, dns.TypeSVCB, dns.TypeTXT,
}

// countedRcodes are all response codes of this server.
var countedRcodes = [...]int{
	dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNameError, dns.RcodeNotImplemented, dns.RcodeRefused,
	dns.RcodeBadVers,
}

// DurationBounds are the upper bounds of the duration buckets. One more bucket holds all longer
// durations.
var DurationBounds = [...]time.Duration{
	10 * time.Microsecond, 40 * time.Microsecond, 160 * time.Microsecond, 640 * time.Microsecond, 2560 * time.Microsecond,
	10240 * time.Microsecond, 40960 * time.Microsecond, 163840 * time.Microsecond, 655360 * time.Microsecond,
}

// DropReason is the reason why a packet got no response.
type DropReason int

const (
	// NoQuery means that the packet is a response, or too short or too long for a query.
	NoQuery DropReason = iota
	// NotSent means that sending the response failed.
	NotSent
)

// DropReasons are all reasons.
var DropReasons = [...]DropReason{NoQuery, NotSent}

// String returns "no_query" or "not_sent".
func (d DropReason) String() string { return [...]string{"no_query", "not_sent"}[d] }

// Counters count the responses of one socket. Each socket has its own, so that CPUs do not contend
// for a cache line.
type Counters struct {
	// Transport is the protocol of the socket.
	Transport Transport

	total     atomic.Uint64
	dropped   [len(DropReasons)]atomic.Uint64
	responses [len(countedTypes)][len(countedRcodes)]atomic.Uint64
	durations [len(DurationBounds) + 1]atomic.Uint64
	time      atomic.Int64
}

// Count counts a response and returns the number of responses so far.
func (c *Counters) Count(qtype uint16, rcode int) uint64 {
	c.responses[typeIndex(qtype)][rcodeIndex(rcode)].Add(1)
	return c.total.Add(1)
}

// Drop counts a packet that gets no response.
func (c *Counters) Drop(reason DropReason) { c.dropped[reason].Add(1) }

// Dropped returns the number of packets that got no response for this reason.
func (c *Counters) Dropped(reason DropReason) uint64 { return c.dropped[reason].Load() }

// typeIndex takes the fewest steps for the commonest types, which come first.
func typeIndex(qtype uint16) int {
	return max(0, slices.Index(countedTypes[:], qtype))
}

// rcodeIndex maps a code that is not in countedRcodes to SERVFAIL, so that a bug does not end the
// server.
func rcodeIndex(rcode int) int {
	if i := slices.Index(countedRcodes[:], rcode); i >= 0 {
		return i
	}
	return slices.Index(countedRcodes[:], dns.RcodeServerFailure)
}

// Observe records that each of several queries took this long.
func (c *Counters) Observe(took time.Duration, queries int) {
	i := 0
	for i < len(DurationBounds) && took > DurationBounds[i] {
		i++
	}
	c.durations[i].Add(uint64(queries)) //nolint:gosec // Not negative.
	c.time.Add(int64(took) * int64(queries))
}

// Responses calls yield for every counted type and code. Type 0 stands for all other types.
func (c *Counters) Responses(yield func(qtype uint16, rcode int, count uint64)) {
	for i, qtype := range countedTypes {
		for j, rcode := range countedRcodes {
			yield(qtype, rcode, c.responses[i][j].Load())
		}
	}
}

// Durations returns, for each of DurationBounds, the number of queries that took at most that long.
// It also returns the number of all queries and the sum of their durations.
func (c *Counters) Durations() (upTo [len(DurationBounds)]uint64, count uint64, sum time.Duration) {
	for i := range upTo {
		count += c.durations[i].Load()
		upTo[i] = count
	}
	count += c.durations[len(upTo)].Load()
	return upTo, count, time.Duration(c.time.Load())
}
