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

package main

import (
	"fmt"
	"math"
	"os"
	"time"
)

// The limits that the DNS server promises. Memory and file sizes are in octets.
const (
	maxBinary = 20_000_000
	// maxReady applies to readyNames names or fewer.
	maxReady   = 2 * time.Second
	readyNames = 10_000
	// leastOfNSD and leastOfCoreDNS are the least ratio of queries per second to those servers.
	leastOfNSD     = 0.9
	leastOfCoreDNS = 9
	// leastOfPlain is the same for shared names, relative to names of single clusters.
	leastOfPlain = 0.9
)

// maxResident is the limit of memory by number of slices.
var maxResident = map[int]int{1_000: 25_000_000, 5_000: 60_000_000, 10_000: 60_000_000}

// largeBinary returns a message if the binary is too large.
func largeBinary(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxBinary {
		return []string{fmt.Sprintf("the binary has %.1f MB, and may have %.1f", float64(info.Size())/1e6, float64(maxBinary)/1e6)}, nil
	}
	return nil, nil
}

// broken returns the broken limits of the scenario. Other servers count only if they were measured.
// NSD is compared only over UDP.
func (s scenario) broken(all map[string]*figures) []string {
	var broken []string
	add := func(format string, args ...any) {
		broken = append(broken, s.name+": "+fmt.Sprintf(format, args...))
	}
	f := all[own]
	if limit := maxResident[s.slices()]; limit > 0 && median(f.resident) > limit {
		add("%.1f MB are resident, and %.1f may be", mega(median(f.resident)), mega(limit))
	}
	if s.names <= readyNames && f.ready > maxReady {
		add("it was ready after %s, and %s is allowed", f.ready, maxReady)
	}
	if f.lostAtMost > 0 {
		add("queries lost at %.0f %% of the full load: %d", 100*mostLoad, f.lostAtMost)
	}
	// A server that was not measured sets no limit. Rounds are compared one by one, because the
	// speed of the machine varies between them.
	of := func(name string) float64 {
		other := all[name]
		if other == nil {
			return math.Inf(1)
		}
		var ratios []float64
		for round, qps := range f.qps {
			ratios = append(ratios, qps/other.qps[round])
		}
		return median(ratios)
	}
	if times := of("NSD"); !s.tcp && times < leastOfNSD {
		add("it answers %.2f times as many queries as NSD, and should %.1f times", times, leastOfNSD)
	}
	if times := of("CoreDNS"); times < leastOfCoreDNS && (all[echo] == nil || of(echo) < s.leastOfEcho()) {
		add("it answers %.2f times as many queries as CoreDNS, and should %d times%s", times, leastOfCoreDNS, s.orEcho())
	}
	if times := of(ownPlain); times < leastOfPlain {
		add("it answers %.2f times as many queries for shared names as for others, and should %.1f times", times, leastOfPlain)
	}
	return broken
}

// leastOfEcho is the ratio to echo that is enough instead of leastOfCoreDNS.
func (s scenario) leastOfEcho() float64 {
	switch {
	case !s.tcp:
		// No server is faster than echo.
		return 0.9
	case s.clients > 1:
		// With more connections fewer queries arrive together. Then a server that answers at once
		// is the fastest.
		return 1
	default:
		return math.Inf(1)
	}
}

func (s scenario) orEcho() string {
	if least := s.leastOfEcho(); !math.IsInf(least, 1) {
		return fmt.Sprintf(", or %.1f times as many as %s", least, echo)
	}
	return ""
}
