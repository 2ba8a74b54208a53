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
	// leastOfNSD and leastOfCoreDNS are how many times as many queries are answered as by those. Of NSD it is enough if that is so of each
	// second on the processor, and leastWaiting of all seconds, because the server may be waiting for dnsperf, whose processor is full first.
	leastOfNSD     = 0.9
	leastWaiting   = 0.8
	leastOfCoreDNS = 9
	// leastOfEcho and leastOfEchoTCP are enough in place of leastOfCoreDNS. Over UDP nothing answers more than echo. Over TCP a server could,
	// if it let queries wait for others, so that more are read and sent together.
	leastOfEcho    = 0.85
	leastOfEchoTCP = 1.0
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
	// Another server that was not measured demands nothing.
	of := func(name string) float64 {
		if other := all[name]; other != nil {
			return median(f.qps) / median(other.qps)
		}
		return math.Inf(1)
	}
	if times := of("NSD"); !s.tcp && times < leastOfNSD {
		onProcessor := float64(median(all["NSD"].perQuery)) / float64(median(f.perQuery))
		if onProcessor < leastOfNSD || times < leastWaiting {
			add("it answers %.2f times as many queries as NSD, and %.2f times as many for each second on its processor, and should %.1f times", times, onProcessor, leastOfNSD)
		}
	}
	least := leastOfEcho
	if s.tcp {
		least = leastOfEchoTCP
	}
	if times := of("CoreDNS"); times < leastOfCoreDNS && (all[echo] == nil || of(echo) < least) {
		add("it answers %.2f times as many queries as CoreDNS, and should %d times, or %.2f times as many as %s", times, leastOfCoreDNS, least, echo)
	}
	return broken
}
