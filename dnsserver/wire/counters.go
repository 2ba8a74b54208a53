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
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// countedTypes are the types that clients ask for. The rest of the 65536 is counted as one, as type 0, so that no client can
// make the counters grow.
var countedTypes = [...]uint16{
	dns.TypeNone, dns.TypeA, dns.TypeAAAA, dns.TypeANY, dns.TypeCNAME, dns.TypeHTTPS, dns.TypeMX, dns.TypeNS, dns.TypePTR,
	dns.TypeSOA, dns.TypeSRV, dns.TypeSVCB, dns.TypeTXT,
}

// countedRcodes are all that we answer.
var countedRcodes = [...]int{
	dns.RcodeSuccess, dns.RcodeFormatError, dns.RcodeServerFailure, dns.RcodeNameError, dns.RcodeNotImplemented, dns.RcodeRefused,
	dns.RcodeBadVers,
}

// DurationBounds are the upper bounds of the durations that are counted together. Those above the last one are together, too.
var DurationBounds = [...]time.Duration{
	10 * time.Microsecond, 40 * time.Microsecond, 160 * time.Microsecond, 640 * time.Microsecond, 2560 * time.Microsecond,
	10240 * time.Microsecond, 40960 * time.Microsecond, 163840 * time.Microsecond, 655360 * time.Microsecond,
}

// Drop is why a packet got no response.
type Drop int

const (
	// NoQuery is what is too short for a query or too long, or is a response.
	NoQuery Drop = iota
	// NotSent is a response that could not be sent.
	NotSent
)

// Drops are all of them.
var Drops = [...]Drop{NoQuery, NotSent}

// String returns "no_query" or "not_sent".
func (d Drop) String() string { return [...]string{"no_query", "not_sent"}[d] }

// Counters count responses. Each socket has its own, because a processor that writes where another one writes has to wait.
type Counters struct {
	// Transport is how the queries come.
	Transport Transport

	total     atomic.Uint64
	dropped   [len(Drops)]atomic.Uint64
	responses [len(countedTypes)][len(countedRcodes)]atomic.Uint64
	durations [len(DurationBounds) + 1]atomic.Uint64
	time      atomic.Int64
}

// count returns how many responses there have been.
func (c *Counters) count(qtype uint16, rcode int) uint64 {
	c.responses[typeIndex(qtype)][rcodeIndex(rcode)].Add(1)
	return c.total.Add(1)
}

func (c *Counters) drop(reason Drop) { c.dropped[reason].Add(1) }

// Dropped returns how many packets got no response for this reason.
func (c *Counters) Dropped(reason Drop) uint64 { return c.dropped[reason].Load() }

// typeIndex is short for the types that matter.
func typeIndex(qtype uint16) int {
	return max(0, slices.Index(countedTypes[:], qtype))
}

// rcodeIndex counts a code that we should not answer as a failure of ours, rather than to end the server.
func rcodeIndex(rcode int) int {
	if i := slices.Index(countedRcodes[:], rcode); i >= 0 {
		return i
	}
	return slices.Index(countedRcodes[:], dns.RcodeServerFailure)
}

// observe records that each of several queries took this long.
func (c *Counters) observe(took time.Duration, queries int) {
	i := 0
	for i < len(DurationBounds) && took > DurationBounds[i] {
		i++
	}
	c.durations[i].Add(uint64(queries)) //nolint:gosec // Not negative.
	c.time.Add(int64(took) * int64(queries))
}

// Responses calls yield for every type and code, of which type 0 is that of all that are not counted by themselves.
func (c *Counters) Responses(yield func(qtype uint16, rcode int, count uint64)) {
	for i, qtype := range countedTypes {
		for j, rcode := range countedRcodes {
			yield(qtype, rcode, c.responses[i][j].Load())
		}
	}
}

// Durations returns how many queries took at most as long as each of DurationBounds, one after the other, how many there
// were altogether, and the time that all of them took.
func (c *Counters) Durations() (upTo [len(DurationBounds)]uint64, count uint64, sum time.Duration) {
	for i := range upTo {
		count += c.durations[i].Load()
		upTo[i] = count
	}
	count += c.durations[len(upTo)].Load()
	return upTo, count, time.Duration(c.time.Load())
}
