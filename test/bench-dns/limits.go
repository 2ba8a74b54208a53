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

// What the DNS server promises. Memory and files are in octets.
const (
	maxBinary = 20_000_000
	// maxReady is for up to readyNames names.
	maxReady   = 2 * time.Second
	readyNames = 10_000
	// leastOfNSD and leastOfCoreDNS are how many times as many queries are answered as by those.
	leastOfNSD     = 0.9
	leastOfCoreDNS = 9
)

// maxResident is by how many names there are.
var maxResident = map[int]int{1_000: 25_000_000, 10_000: 60_000_000}

// largeBinary returns that the binary is too large, if it is.
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

// broken returns which limits are broken in the scenario. Other servers count where they were measured; NSD is compared over UDP.
func (s scenario) broken(all map[string]*figures) []string {
	var broken []string
	add := func(format string, args ...any) {
		broken = append(broken, s.name+": "+fmt.Sprintf(format, args...))
	}
	f := all[own]
	if limit := maxResident[s.names]; limit > 0 && median(f.resident) > limit {
		add("%.1f MB are resident, and %.1f may be", mega(median(f.resident)), mega(limit))
	}
	if s.names <= readyNames && f.ready > maxReady {
		add("it was ready after %s, and %s is allowed", f.ready, maxReady)
	}
	if f.lostAtMost > 0 {
		add("queries lost at %.0f %% of the full load: %d", 100*mostLoad, f.lostAtMost)
	}
	// Another server that was not measured demands nothing. Rounds are compared one by one, since the machine may be faster in one of them.
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
	return broken
}

// leastOfEcho is how many times as many queries as echo are enough in place of leastOfCoreDNS.
func (s scenario) leastOfEcho() float64 {
	switch {
	case !s.tcp:
		// No server is faster than echo.
		return 0.9
	case s.clients > 1:
		// The more connections there are the fewer queries come together, which is what makes a server fast that answers at once.
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
