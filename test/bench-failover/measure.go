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
	"slices"
	"strings"
	"time"
)

// run prints the tables.
func run(ctx context.Context, o options) error {
	f, err := newFarm(ctx)
	if f != nil {
		defer f.stop()
	}
	if err != nil {
		return fmt.Errorf("connecting the network namespaces: %w", err)
	}
	all := append(slices.Clone(kinds), flapping, lost)
	for i := range all {
		if err := all[i].open(ctx, f, o.gateways); err != nil {
			return fmt.Errorf("starting the gateways: %w", err)
		}
	}
	fmt.Printf("%d gateways for each fault, all at once; the API server of the cluster is stopped. Times in seconds.\n\n", o.gateways)
	fmt.Println("| health check | fault | last old answer p50 / p99 / max | first new answer after recovery p50 / p99 / max | failed queries |")
	fmt.Println("|---|---|---|---|---|")
	for _, setting := range settings {
		for i := range kinds {
			if row := setting.name + " " + kinds[i].name; !strings.Contains(row, o.only) {
				continue
			}
			if err := measure(ctx, o, f, setting, &kinds[i]); err != nil {
				return fmt.Errorf("measuring %s with %s: %w", kinds[i].name, setting.name, err)
			}
		}
	}
	if o.minutes <= 0 {
		return nil
	}
	return measureLong(ctx, o, f)
}

// measure prints the figures of one kind of fault, for a dns-server with these gateways alone.
func measure(ctx context.Context, o options, f *farm, with setting, of *kind) error {
	w, err := newWorld(ctx, o, []kind{*of}, with.check)
	if w != nil {
		defer w.stop()
	}
	if err != nil {
		return err
	}
	if err := w.isolate(); err != nil {
		return err
	}
	asked := newAskers(ctx, of, o.gateways)
	defer asked.stop()
	if err := asked.waitFor(ctx, true); err != nil {
		return fmt.Errorf("waiting for the first answers: %w", err)
	}
	// The names count as used now, and are probed at the full rate.
	if err := rest(ctx, 2*with.check.Interval.Duration); err != nil {
		return err
	}
	failed := time.Now()
	if err := of.fail(ctx, f, of.primaries(o.gateways)); err != nil {
		return err
	}
	if err := asked.waitFor(ctx, false); err != nil {
		return fmt.Errorf("waiting for the backups: %w", err)
	}
	away := asked.since(failed, func(c *asker) time.Time { return c.lastPrimary })
	mended := time.Now()
	if err := of.mend(ctx, f, of.primaries(o.gateways)); err != nil {
		return err
	}
	if err := asked.waitFor(ctx, true); err != nil {
		return fmt.Errorf("waiting for the gateways to come back: %w", err)
	}
	back := asked.since(mended, func(c *asker) time.Time { return c.firstPrimary })
	fmt.Printf("| %s | %s | %s | %s | %d |\n", with.name, of.name, quantiles(away), quantiles(back), asked.sum(func(c *asker) int { return c.failed }))
	return nil
}

// flapRest is the time between two changes of a flapping gateway.
const flapRest = 3 * time.Second

// measureLong prints how often answers change while gateways flap, and the failed queries while the
// whole network is lost.
func measureLong(ctx context.Context, o options, f *farm) error {
	duration := time.Duration(o.minutes * float64(time.Minute))
	w, err := newWorld(ctx, o, []kind{flapping, lost}, settings[0].check)
	if w != nil {
		defer w.stop()
	}
	if err != nil {
		return err
	}
	few := min(o.gateways, 10)
	asked := newAskers(ctx, &flapping, few)
	defer asked.stop()
	if err := asked.waitFor(ctx, true); err != nil {
		return err
	}
	before := asked.sum(func(c *asker) int { return c.changes })
	for end := time.Now().Add(duration); time.Now().Before(end); {
		for _, change := range []func(context.Context, *farm, []string) error{flapping.fail, flapping.mend} {
			if err := change(ctx, f, flapping.primaries(few)); err != nil {
				return err
			}
			if err := rest(ctx, flapRest); err != nil {
				return err
			}
		}
	}
	changes := asked.sum(func(c *asker) int { return c.changes }) - before
	fmt.Printf("\n%d gateways changed every %s for %s: the answers for each changed %.1f times; %d failed queries\n",
		few, flapRest, duration, float64(changes)/float64(few), asked.sum(func(c *asker) int { return c.failed }))

	without := newAskers(ctx, &lost, few)
	defer without.stop()
	if err := without.waitFor(ctx, true); err != nil {
		return err
	}
	if err := runCommand(ctx, "ip", "link", "set", "dns0", "down"); err != nil {
		return err
	}
	if err := rest(ctx, duration); err != nil {
		return err
	}
	fmt.Printf("The whole network was lost for %s: %d failed queries\n", duration, without.sum(func(c *asker) int { return c.failed }))
	return runCommand(ctx, "ip", "link", "set", "dns0", "up")
}

func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// quantiles returns the median, the 99th percentile and the maximum in seconds.
func quantiles(all []time.Duration) string {
	slices.Sort(all)
	at := func(q float64) float64 { return all[int(q*float64(len(all)-1)+0.5)].Seconds() }
	return fmt.Sprintf("%.1f / %.1f / %.1f", at(0.5), at(0.99), at(1))
}
