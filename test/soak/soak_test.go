//go:build soak

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

package soak

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// healthyTenants are the namespaces of the healthy clusters.
	healthyTenants = 4
	// promise is the limit of the time until a change reaches the last consumer, at the 99th
	// percentile.
	promise = 250 * time.Millisecond
)

var (
	minutes  = flag.Float64("minutes", 5, "how long the hostile ones go on")
	clusters = flag.Int("clusters", 20, "how many healthy clusters are measured")
	seed     = flag.Uint64("seed", 1, "decides what the hostile ones do")
	quiet    = flag.Bool("quiet", false, "let the hostile ones do nothing: shows what the machine leaves to the manager")
	binary   = flag.String("manager", "../../bin/manager", "path of the manager")
	logLevel = flag.Int("log-level", 0, "verbosity of the manager's log, which goes to out/soak/manager.log")
)

func TestMain(m *testing.M) {
	flag.Parse()
	klog.SetOutput(os.Stderr)
	ctrl.SetLogger(klog.Background())
	os.Exit(m.Run())
}

func TestSoak(t *testing.T) {
	g := NewWithT(t)
	say("Starting %d API servers", *clusters+2)
	w := startWorld(t)
	manager := startManager(t, w)
	w.settle(t, 3*time.Minute)
	say("Seed %d: the hostile ones go on for %.1f minutes", *seed, *minutes)

	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(*minutes*float64(time.Minute)))
	defer cancel()
	var group sync.WaitGroup
	measured := make([][]time.Duration, healthyTenants)
	for i := range healthyTenants {
		group.Go(func() { measured[i] = w.tenants[i].change(ctx, rand.New(rand.NewPCG(*seed, uint64(i)))) })
	}
	if !*quiet {
		g.Expect(w.attackers.begin()).To(Succeed())
	}
	group.Go(func() { manager.watch(ctx) })
	group.Wait()

	attack, err := w.attackers.end()
	g.Expect(err).NotTo(HaveOccurred())
	all := slices.Concat(measured...)
	slices.Sort(all)
	g.Expect(len(all)).To(BeNumerically(">=", 100), "changes were measured")
	p50, p99 := all[len(all)/2], all[len(all)*99/100]
	for _, row := range []struct {
		what  string
		value any
	}{
		{"Changes of healthy gateways", len(all)},
		{"From the change to the last consumer's slice, p50", p50.Round(time.Millisecond)},
		{"The same, p99", p99.Round(time.Millisecond)},
		{"The same, slowest", all[len(all)-1].Round(time.Millisecond)},
		{"Manager: largest resident set", fmt.Sprintf("%.0f MB", float64(manager.peak)/1e6)},
		{"Manager: memory limit", fmt.Sprintf("%.0f MB", float64(manager.limit)/1e6)},
		{"Manager: processor time", fmt.Sprintf("%.0f s of %.0f s", manager.processor.Seconds(), *minutes*60)},
		{"Hostile acts of the cluster", attack.ClusterActs},
		{"Hostile acts of the tenant", attack.TenantActs},
		{"Requests that the hostile server received", attack.Requests},
	} {
		fmt.Printf("FIGURE %-55s %v\n", row.what, row.value)
	}
	g.Expect(manager.ended()).To(Succeed(), "the manager runs on")
	g.Expect(manager.peak).To(BeNumerically("<", manager.limit), "the manager stays below its memory limit")
	g.Expect(p99).To(BeNumerically("<=", promise), "healthy clusters keep the promised propagation")
	w.settle(t, time.Minute)
	g.Expect(attack.Leaked).To(BeEmpty(), "no credential of the manager's own is sent to a tenant's server")
}

func say(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "soak: "+format+"\n", arguments...)
}
