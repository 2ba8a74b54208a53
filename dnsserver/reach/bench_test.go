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

package reach

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// many returns a Monitor with 10,000 targets that are alive.
func many(b *testing.B) *Monitor {
	b.Helper()
	m := New(Options{Probe: func(context.Context, Target) error { return nil }})
	for i := range 10_000 {
		m.Replace(fmt.Sprint(i), []Target{gateway(i, byDefault)})
	}
	return m
}

// BenchmarkTargets measures the memory of a target that has been probed.
func BenchmarkTargets(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		m := many(b)
		now := time.Now()
		for range 10_000 {
			m.roster.limit.tokens, m.roster.limit.at = maxBurst, now
			e, _ := m.roster.take(now)
			m.roster.finish(e, true, "", now)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/10_000, "B/target")
		runtime.KeepAlive(m)
	}
}

// BenchmarkRoster measures the decisions of one probe, without the probe.
func BenchmarkRoster(b *testing.B) {
	m := many(b)
	now := time.Now()
	for b.Loop() {
		now = now.Add(10 * time.Millisecond)
		m.roster.limit.tokens = maxBurst
		if e, _ := m.roster.take(now); e != nil {
			m.roster.finish(e, true, "", now)
		}
	}
}

// BenchmarkProbe measures a whole TCP probe over loopback, with its CPU time in the kernel.
func BenchmarkProbe(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	address := listener.Addr().(*net.TCPAddr).AddrPort()
	check := failover.HealthCheck{Protocol: failover.TCP, Timeout: time.Second}
	for b.Loop() {
		if err := dial(b.Context(), address, check); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMonitor measures the CPU time of a second with 10,000 targets: 100 probes that cost
// nothing themselves. Run it with -benchtime 10x.
func BenchmarkMonitor(b *testing.B) {
	m := many(b)
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	time.Sleep(time.Second)
	began := processorTime()
	for b.Loop() {
		time.Sleep(time.Second)
	}
	b.ReportMetric(float64(processorTime()-began)/float64(b.N)/1000, "µs-CPU/s")
	cancel()
	running.Wait()
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func BenchmarkMark(b *testing.B) {
	usage := many(b).Usage("1")
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			usage.Mark()
		}
	})
}

func BenchmarkIsUp(b *testing.B) {
	m, target := many(b), gateway(1, byDefault)
	var up atomic.Int64
	for b.Loop() {
		if m.IsUp(target) {
			up.Add(1)
		}
	}
}
