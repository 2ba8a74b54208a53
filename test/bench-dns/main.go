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

// Bench-dns measures the DNS server beside CoreDNS, Knot and NSD on this machine: each on one CPU,
// with dnsperf on another, over loopback, with the same names and queries. It prints the tables of
// docs/performance.md.
//
//	bench-dns [-rounds N] [-duration D] [-only NAME,...] [-servers NAME,...] [-dns-server PATH] [-print]
//
// It has a server of its own, echo, which only sends queries back. It shows the limit of the machine
// and dnsperf.
//
// It fails if the DNS server breaks one of its limits, unless -print is given. See limits.go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds    int
	duration  time.Duration
	only      string
	servers   string
	dnsServer string
	print     bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 3, "rounds, in each of which every server is measured once")
	flag.DurationVar(&o.duration, "duration", 5*time.Second, "how long each server is under load in a round")
	flag.StringVar(&o.only, "only", "", "scenarios to run, separated by commas; all if empty")
	flag.StringVar(&o.servers, "servers", "dns-server,CoreDNS,Knot,NSD,echo", "servers to measure, separated by commas; dns-server must be one")
	flag.StringVar(&o.dnsServer, "dns-server", "bin/dns-server", "path of the dns-server")
	flag.BoolVar(&o.print, "print", false, "only print: do not fail where a limit is broken")
	network := flag.String(echo, "", "be the server that only sends queries back, over this network; this program starts it itself")
	port := flag.Int("port", 0, "port of that server")
	flag.Parse()
	if *network != "" {
		fmt.Fprintln(os.Stderr, "bench-dns:", runEcho(*network, *port))
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-dns:", err)
		os.Exit(1)
	}
}

// among returns whether the name is in a comma-separated list.
func among(list, name string) bool { return slices.Contains(strings.Split(list, ","), name) }

// needed maps programs to their Debian packages.
var needed = map[string]string{"dnsperf": "dnsperf", "knotd": "knot", "nsd": "nsd", "taskset": "util-linux"}

func run(ctx context.Context, o options) error {
	var missing []string
	for program, pkg := range needed {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not installed: apt-get install %s", strings.Join(missing, " "))
	}
	if runtime.NumCPU() < 2 {
		return errors.New("two processors are needed: one for a server and one for dnsperf")
	}
	dir, err := os.MkdirTemp("", "bench-dns-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	broken, err := largeBinary(o.dnsServer)
	if err != nil {
		return err
	}
	for _, s := range scenarios() {
		if o.only != "" && !among(o.only, s.name) {
			continue
		}
		b := bench{options: o, scenario: s, dir: dir}
		more, err := b.run(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		broken = append(broken, more...)
	}
	if runtime.NumCPU() < 4 {
		fmt.Printf("Two processors against one are not measured: that needs 4 processors, and this machine has %d.\n", runtime.NumCPU())
	}
	if len(broken) == 0 {
		return nil
	}
	text := "limits are broken:\n* " + strings.Join(broken, "\n* ")
	if o.print {
		fmt.Println("\n" + text)
		return nil
	}
	return errors.New(text)
}
