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
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

const (
	// patience is longer than the manager waits before it reports a silent cluster.
	patience = 15 * time.Second
	// slowest bounds the wait for one change.
	slowest = 5 * time.Minute
	// poll is how often the state of the fleet is looked at.
	poll = 50 * time.Millisecond
)

// bench runs phases on a fleet.
type bench struct {
	*fleet
	options options
	folder  string
	manager *process
	idle    float64 // processor seconds per second at rest
	lines   []string
}

// figure is one line of the result.
func (b *bench) figure(name, format string, arguments ...any) {
	line := fmt.Sprintf("| %s | %s |", name, fmt.Sprintf(format, arguments...))
	b.lines = append(b.lines, line)
	fmt.Println(line)
}

// phase is a part of the run. After each one the records are verified.
type phase struct {
	name string
	run  func(context.Context) error
}

func (b *bench) phases() []phase {
	return []phase{
		{"cold-start", b.coldStart}, {"rest", b.rest}, {"one-change", func(ctx context.Context) error { return b.oneChange(ctx, "one change", nil) }},
		{"all-at-once", b.allAtOnce}, {"restart", b.restart}, {"hanging", b.hanging}, {"flapping", b.flapping},
	}
}

func (b *bench) run(ctx context.Context) error {
	for _, phase := range b.phases() {
		if !slices.Contains(strings.Split(b.options.phases, ","), phase.name) && phase.name != "cold-start" {
			continue
		}
		before, err := b.counts(ctx)
		if err != nil {
			return err
		}
		if phase.name == "restart" {
			maps.DeleteFunc(before, func(name string, _ float64) bool { return strings.HasPrefix(name, "reconciles") })
		}
		endProfile := b.profileProcessor(ctx, phase.name)
		if err := errors.Join(phase.run(ctx), endProfile()); err != nil {
			return fmt.Errorf("%s: %w", phase.name, err)
		}
		if err := b.verified(ctx); err != nil {
			return fmt.Errorf("after %s: %w", phase.name, err)
		}
		after, err := b.counts(ctx)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(after)) {
			if count := after[name] - before[name]; count > 0 {
				b.figure(phase.name+": "+name, "%.0f", count)
			}
		}
		if b.options.profiles != "" {
			if err := b.manager.profile(ctx, b.options.profiles, phase.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// profileProcessor profiles the processor time of a phase, for at most 30 seconds, if the manager runs
// all the time. The returned function waits for the profile.
func (b *bench) profileProcessor(ctx context.Context, phase string) (end func() error) {
	if b.options.profiles == "" || b.manager == nil || phase == "restart" {
		return func() error { return nil }
	}
	ended := make(chan error, 1)
	go func() {
		body, err := b.manager.diagnostics(ctx, "/debug/pprof/profile?seconds=30")
		if err == nil {
			err = os.WriteFile(filepath.Join(b.options.profiles, phase+".cpu"), []byte(body), 0o644)
		}
		ended <- err
	}()
	return func() error { return <-ended }
}

// counts returns the writes to workload clusters and to the management cluster, and the reconciles,
// so far.
func (b *bench) counts(ctx context.Context) (map[string]float64, error) {
	counts := map[string]float64{}
	for _, store := range b.simulation.clusters {
		store.mu.Lock()
		for write, count := range store.writes {
			if !strings.HasSuffix(write, " services") { // The gateways are the bench's own.
				counts["writes to workload clusters, "+write] += float64(count)
			}
		}
		store.mu.Unlock()
	}
	transport, err := rest.HTTPClientFor(b.environment.Config)
	if err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	text, err := get(ctx, transport, strings.TrimSuffix(b.environment.Config.Host, "/")+"/metrics")
	if err != nil {
		return nil, err
	}
	for _, verb := range []string{"POST", "PUT", "PATCH", "APPLY", "DELETE"} {
		for resource, count := range samples(linesWith(text, `verb="`+verb+`"`), "apiserver_request_total", "resource") {
			if resource != "leases" && resource != "" {
				counts["writes to the management cluster, "+verb+" "+resource] += count
			}
		}
	}
	if b.manager == nil {
		return counts, nil
	}
	reconciles, err := b.manager.metric(ctx, "controller_runtime_reconcile_total", "controller")
	if err != nil {
		return nil, err
	}
	for controller, count := range reconciles {
		counts["reconciles of "+controller] = count
	}
	return counts, nil
}

func linesWith(text, part string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

func (b *bench) startManager(ctx context.Context) (err error) {
	b.manager, err = startManager(ctx, b.options.manager, b.environment.KubeConfig, b.token, b.folder)
	return err
}

// until polls until something is true, as long as the manager runs.
func (b *bench) until(ctx context.Context, what string, isTrue func() bool) error {
	deadline := time.Now().Add(b.options.most)
	for !isTrue() {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s", what, b.options.most)
		}
		if err := errors.Join(b.manager.err(), sleep(ctx, poll)); err != nil {
			return err
		}
	}
	return nil
}

// verified waits until all records and statuses are as they should be. Statuses follow the records.
func (b *bench) verified(ctx context.Context) error {
	var wrong error
	err := b.until(ctx, "records and statuses", func() bool {
		wrong = b.verify(ctx)
		return wrong == nil
	})
	return errors.Join(err, wrong)
}

func (b *bench) coldStart(ctx context.Context) error {
	began := time.Now()
	if err := b.startManager(ctx); err != nil {
		return err
	}
	err := b.until(ctx, "all records", func() bool {
		held, wanted := b.records()
		return held == wanted
	})
	if err != nil {
		held, wanted := b.records()
		return fmt.Errorf("%w (%d of %d)", err, held, wanted)
	}
	took := time.Since(began)
	processor, err := b.manager.processor()
	if err != nil {
		return err
	}
	b.figure("cold start", "%.1f s", took.Seconds())
	b.figure("cold start: processor time", "%.1f s", processor.Seconds())
	return nil
}

// rest measures the manager if nothing changes.
func (b *bench) rest(ctx context.Context) error {
	if err := sleep(ctx, patience); err != nil {
		return err
	}
	before, err := b.manager.processor()
	if err != nil {
		return err
	}
	if err := sleep(ctx, patience); err != nil {
		return err
	}
	after, err := b.manager.processor()
	if err != nil {
		return err
	}
	b.idle = (after - before).Seconds() / patience.Seconds()
	goroutines, err := b.manager.metric(ctx, "go_goroutines", "none")
	if err != nil {
		return err
	}
	b.figure("at rest: processor", "%.1f %% of a core", 100*b.idle)
	b.figure("at rest: resident", "%d MB", b.manager.resident()/1e6)
	b.figure("at rest: goroutines", "%.0f", goroutines[""])
	return nil
}

// oneChange changes one address after the other. It leaves out clusters that do not answer.
func (b *bench) oneChange(ctx context.Context, name string, silent map[int]bool) error {
	random := rand.New(rand.NewPCG(b.options.seed, 0))
	began := time.Now()
	before, err := b.manager.processor()
	if err != nil {
		return err
	}
	var took []time.Duration
	for len(took) < b.options.changes {
		number := random.IntN(b.shape.total())
		if silent[number] {
			continue
		}
		consumers := slices.DeleteFunc(b.shape.neighbours(number), func(n int) bool { return silent[n] })
		elapsed, err := b.change(ctx, number, consumers)
		if err != nil {
			return err
		}
		took = append(took, elapsed)
		if err := sleep(ctx, b.options.pause); err != nil {
			return err
		}
	}
	after, err := b.manager.processor()
	if err != nil {
		return err
	}
	cost := (after - before).Seconds() - b.idle*time.Since(began).Seconds()
	slices.Sort(took)
	b.figure(name+": processor time", "%.0f ms", 1000*cost/float64(len(took)))
	b.figure(name+": last consumer, p50", "%d ms", took[len(took)/2].Milliseconds())
	b.figure(name+": last consumer, p99", "%d ms", took[len(took)*99/100].Milliseconds())
	b.figure(name+": last consumer, slowest", "%d ms", took[len(took)-1].Milliseconds())
	return nil
}

// change returns the time from a changed address to its last consumer.
func (b *bench) change(ctx context.Context, number int, consumers []int) (time.Duration, error) {
	b.mu.Lock()
	next := b.changes + 1
	b.mu.Unlock()
	arrival := newArrival(addressOf(next), consumers)
	for _, consumer := range consumers {
		b.simulation.clusters[consumer].expect(arrival)
	}
	began := time.Now()
	if err := b.setAddress(number, false); err != nil {
		return 0, err
	}
	err := arrival.wait(ctx, slowest)
	return time.Since(began), err
}

// allAtOnce changes the addresses of all gateways.
func (b *bench) allAtOnce(ctx context.Context) error {
	before, err := b.manager.processor()
	if err != nil {
		return err
	}
	began := time.Now()
	for number := range b.shape.total() {
		if err := b.setAddress(number, false); err != nil {
			return err
		}
	}
	if err := b.until(ctx, "all records", func() bool { return b.verifyRecords() == nil }); err != nil {
		return err
	}
	took := time.Since(began)
	after, err := b.manager.processor()
	b.figure("all at once", "%.1f s", took.Seconds())
	b.figure("all at once: processor time", "%.1f s", (after - before).Seconds())
	return err
}

// restart kills the manager, and starts it again. Nothing may be written.
func (b *bench) restart(ctx context.Context) error {
	// status.consumers follows the records after up to a second.
	if err := sleep(ctx, patience); err != nil {
		return err
	}
	b.manager.kill()
	b.manager = nil
	if err := b.until(ctx, "all watches end", func() bool { return b.watched() == 0 }); err != nil {
		return err
	}
	before, err := b.counts(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := b.startManager(ctx); err != nil {
		return err
	}
	if err := b.until(ctx, "all clusters connected", func() bool { return b.watched() == b.shape.total() }); err != nil {
		return err
	}
	b.figure("restart: all clusters connected", "%.1f s", time.Since(began).Seconds())
	if err := sleep(ctx, patience); err != nil {
		return err
	}
	after, err := b.counts(ctx)
	if err != nil {
		return err
	}
	var wrote []string
	for name, count := range after {
		if strings.HasPrefix(name, "writes") && !strings.HasSuffix(name, "reviews") && count > before[name] {
			wrote = append(wrote, fmt.Sprintf("%s: %.0f", name, count-before[name]))
		}
	}
	b.figure("restart: writes", "%d", len(wrote))
	if len(wrote) > 0 {
		return fmt.Errorf("a restart wrote: %s", strings.Join(wrote, ", "))
	}
	return b.oneChange(ctx, "after the restart, one change", nil)
}

// tenth returns a tenth of the clusters.
func (b *bench) tenth() map[int]bool {
	some := map[int]bool{}
	for number := 0; number < b.shape.total(); number += 10 {
		some[number] = true
	}
	return some
}

// hanging measures single changes if a tenth of the clusters accept connections and do not answer.
func (b *bench) hanging(ctx context.Context) error {
	silent := b.tenth()
	var answers []func()
	for number := range silent {
		answers = append(answers, b.simulation.clusters[number].hang())
	}
	err := b.oneChange(ctx, "10 % hanging, one change", silent)
	for _, answer := range answers {
		answer()
	}
	return errors.Join(err, b.verified(ctx))
}

// flapping measures single changes if a tenth of the clusters come and go.
func (b *bench) flapping(ctx context.Context) error {
	silent := b.tenth()
	flapping, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for flapping.Err() == nil {
			var answers []func()
			for number := range silent {
				answers = append(answers, b.simulation.clusters[number].hang())
			}
			_ = sleep(flapping, 2*time.Second)
			for _, answer := range answers {
				answer()
			}
			_ = sleep(flapping, 2*time.Second)
		}
	}()
	err := b.oneChange(ctx, "10 % flapping, one change", silent)
	stop()
	<-ended
	return errors.Join(err, b.verified(ctx))
}

func sleep(ctx context.Context, length time.Duration) error {
	select {
	case <-time.After(length):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// newFolder returns the folder of a run, with the manager's log.
func newFolder(profiles string) (string, error) {
	folder := filepath.Join("out", "bench-scale")
	for _, name := range []string{folder, profiles} {
		if name == "" {
			continue
		}
		if err := os.MkdirAll(name, 0o755); err != nil {
			return "", fmt.Errorf("creating a folder: %w", err)
		}
	}
	for _, former := range []string{"manager.log", "kubeconfig"} {
		if err := os.Remove(filepath.Join(folder, former)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("removing the file of a former run: %w", err)
		}
	}
	return folder, nil
}
