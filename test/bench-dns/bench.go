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
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

const (
	// steadyLoad is a load that all servers can handle, in queries per second.
	steadyLoad = 20_000
	// settling is the time for one-off work after the start of a server, such as returning memory
	// to the system.
	settling = 2 * time.Second
	// mostLoad is the fraction of the dns-server's maximum at which it must not lose a query.
	mostLoad = 0.8
)

// bench is one scenario.
type bench struct {
	options  options
	scenario scenario
	dir      string

	zoneFile, kubeconfig string
	// queryFile is one of the two with queries for shared names and for names of single clusters.
	queryFile, queries, plainQueries string
}

// figures are the figures of one server, by round. The tables show medians.
type figures struct {
	qps              []float64
	mean, p99        []time.Duration
	steadyMean       []time.Duration
	steadyP99        []time.Duration
	lost, lostAtMost int
	// perQuery is the CPU time per query under full load.
	perQuery             []time.Duration
	resident, proportion []int
	ready                time.Duration
}

// run measures the scenario, prints its table, and returns the limits that are broken.
func (b *bench) run(ctx context.Context) (broken []string, err error) {
	b.zoneFile, b.queries, b.plainQueries = filepath.Join(b.dir, "zone"), filepath.Join(b.dir, "queries"), filepath.Join(b.dir, "plain-queries")
	b.kubeconfig = filepath.Join(b.dir, "kubeconfig")
	if err := b.scenario.writeZone(b.zoneFile); err != nil {
		return nil, err
	}
	for path, plain := range map[string]bool{b.queries: false, b.plainQueries: true} {
		if err := b.scenario.writeQueries(path, plain); err != nil {
			return nil, err
		}
	}
	stop, err := startAPI(b.scenario, b.kubeconfig)
	if err != nil {
		return nil, err
	}
	defer stop()
	all := map[string]*figures{}
	for round := range b.options.rounds {
		for _, s := range b.servers() {
			if all[s.name] == nil {
				all[s.name] = &figures{}
			}
			if err := b.measure(ctx, s, all[s.name], round); err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	b.print(all)
	return b.scenario.broken(all), nil
}

func (b *bench) servers() []server {
	chosen := slices.DeleteFunc(servers(), func(s server) bool {
		return s.name != own && (b.scenario.changes > 0 || b.scenario.members > 0 || !among(b.options.servers, s.name))
	})
	if b.scenario.members > 0 {
		chosen = append(chosen, server{name: ownPlain, port: 10537, isPlain: true, command: dnsServerCommand})
	}
	if b.scenario.processors > 1 {
		chosen = append(chosen, server{name: ownOnOne, port: 10535, processors: 1, command: dnsServerCommand})
	}
	return chosen
}

// measure starts the server, loads it in three ways, and ends it.
func (b *bench) measure(ctx context.Context, s server, f *figures, round int) error {
	b.queryFile = b.queries
	if s.isPlain {
		b.queryFile = b.plainQueries
	}
	r, err := b.start(ctx, s)
	if err != nil {
		return err
	}
	defer r.stop()
	time.Sleep(settling)
	before, err := r.processorTime()
	if err != nil {
		return err
	}
	full, err := b.load(ctx, r, b.options.duration, 0, false)
	if err != nil {
		return err
	}
	if !s.echoes {
		if err := full.check(); err != nil {
			return err
		}
	}
	after, err := r.processorTime()
	if err != nil {
		return err
	}
	f.perQuery = append(f.perQuery, (after-before)/time.Duration(max(1, full.qps*b.options.duration.Seconds())))
	f.qps = append(f.qps, full.qps)
	f.mean = append(f.mean, full.mean)
	f.lost += full.lost
	resident, proportion, err := r.memory()
	if err != nil {
		return err
	}
	f.resident, f.proportion = append(f.resident, resident), append(f.proportion, proportion)
	f.ready = max(f.ready, r.ready)
	// Logging every latency slows dnsperf, so it has a run of its own.
	detailed, err := b.load(ctx, r, 2*time.Second, 0, true)
	if err != nil {
		return err
	}
	f.p99 = append(f.p99, detailed.p99)
	steady, err := b.load(ctx, r, 2*time.Second, steadyLoad, true)
	if err != nil {
		return err
	}
	f.steadyMean, f.steadyP99 = append(f.steadyMean, steady.mean), append(f.steadyP99, steady.p99)
	if round == 0 {
		most, err := b.load(ctx, r, b.options.duration, int(mostLoad*full.qps), false)
		if err != nil {
			return err
		}
		f.lostAtMost = most.lost
	}
	return nil
}

func median[T int | float64 | time.Duration](values []T) T {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

func (b *bench) print(all map[string]*figures) {
	fmt.Printf("\n### %s\n\n", b.scenario.about)
	fmt.Printf("| server | queries/s | relative to dns-server | mean, full load | p99, full load | mean, %[1]d/s | p99, %[1]d/s | lost, full load | lost at 80 %% | CPU per query | resident | proportional | ready after |\n", steadyLoad)
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	most := median(all[own].qps)
	for _, s := range b.servers() {
		f := all[s.name]
		fmt.Printf("| %s | %.0f | %.2f | %s | %s | %s | %s | %d | %d | %d ns | %.1f MB | %.1f MB | %s |\n", s.name, median(f.qps), median(f.qps)/most,
			micro(median(f.mean)), micro(median(f.p99)), micro(median(f.steadyMean)), micro(median(f.steadyP99)),
			f.lost, f.lostAtMost, median(f.perQuery).Nanoseconds(), mega(median(f.resident)), mega(median(f.proportion)), f.ready.Round(10*time.Millisecond))
	}
	if one := all[ownOnOne]; one != nil {
		fmt.Printf("\nTwo processors answer %.2f times as many queries as one.\n", most/median(one.qps))
	}
}

func mega(octets int) float64 { return float64(octets) / 1e6 }

func micro(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }
