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
	"maps"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestLimits(t *testing.T) {
	// at returns the figures of a server that answers so many queries per second and breaks no
	// other limit.
	at := func(qps float64) *figures { return &figures{qps: []float64{qps}, resident: []int{20_000_000}} }
	for name, test := range map[string]struct {
		scenario scenario
		change   func(own *figures)
		others   map[string]*figures
		broken   []string
	}{
		"nothing else was measured": {},
		"as fast as is wanted":      {others: map[string]*figures{"NSD": at(111), "CoreDNS": at(11), echo: at(200)}},
		"slower than NSD": {
			others: map[string]*figures{"NSD": at(112)},
			broken: []string{"s: it answers 0.89 times as many queries as NSD, and should 0.9 times"},
		},
		"slower than NSD in most rounds": {
			change: func(own *figures) { own.qps = []float64{90, 200, 90} },
			others: map[string]*figures{"NSD": {qps: []float64{101, 100, 101}}},
			broken: []string{"s: it answers 0.89 times as many queries as NSD, and should 0.9 times"},
		},
		"as fast as is wanted in each round of a machine that is not": {
			change: func(own *figures) { own.qps = []float64{91, 182, 273} },
			others: map[string]*figures{"NSD": {qps: []float64{100, 200, 300}}},
		},
		"slower than NSD over TCP, where it need not be faster": {scenario: scenario{tcp: true}, others: map[string]*figures{"NSD": at(112)}},
		"not nine times CoreDNS": {
			others: map[string]*figures{"CoreDNS": at(12), echo: at(112)},
			broken: []string{"s: it answers 8.33 times as many queries as CoreDNS, and should 9 times, or 0.9 times as many as echo"},
		},
		"not nine times CoreDNS, and nothing tells what the machine permits": {
			others: map[string]*figures{"CoreDNS": at(12)},
			broken: []string{"s: it answers 8.33 times as many queries as CoreDNS, and should 9 times, or 0.9 times as many as echo"},
		},
		"not nine times CoreDNS, which nothing is on this machine": {others: map[string]*figures{"CoreDNS": at(12), echo: at(111)}},
		"not nine times CoreDNS over several connections, but as fast as echo": {
			scenario: scenario{tcp: true, clients: 2}, others: map[string]*figures{"CoreDNS": at(12), echo: at(100)},
		},
		"not nine times CoreDNS over several connections, and slower than echo": {
			scenario: scenario{tcp: true, clients: 2}, others: map[string]*figures{"CoreDNS": at(12), echo: at(101)},
			broken: []string{"s: it answers 8.33 times as many queries as CoreDNS, and should 9 times, or 1.0 times as many as echo"},
		},
		"not nine times CoreDNS over one connection, whatever echo does": {
			scenario: scenario{tcp: true, clients: 1}, others: map[string]*figures{"CoreDNS": at(12), echo: at(50)},
			broken: []string{"s: it answers 8.33 times as many queries as CoreDNS, and should 9 times"},
		},
		"too large": {
			scenario: scenario{names: 1_000}, change: func(own *figures) { own.resident = []int{25_100_000} },
			broken: []string{"s: 25.1 MB are resident, and 25.0 may be"},
		},
		"as large as is wanted with more names": {scenario: scenario{names: 10_000}, change: func(own *figures) { own.resident = []int{60_000_000} }},
		"ready too late": {
			change: func(own *figures) { own.ready = 3 * time.Second },
			broken: []string{"s: it was ready after 3s, and 2s is allowed"},
		},
		"ready late with many names": {scenario: scenario{names: 100_000}, change: func(own *figures) { own.ready = 3 * time.Second }},
		"a lost query": {
			change: func(own *figures) { own.lostAtMost = 1 },
			broken: []string{"s: queries lost at 80 % of the full load: 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.scenario.name = "s"
			all := map[string]*figures{own: at(100)}
			if test.change != nil {
				test.change(all[own])
			}
			maps.Copy(all, test.others)
			NewWithT(t).Expect(test.scenario.broken(all)).To(Equal(test.broken))
		})
	}
}
