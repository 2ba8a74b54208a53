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

// Bench-failover measures how long the DNS server answers a gateway that has failed, and how long it
// takes to answer it again.
//
//	bench-failover [-gateways N] [-only TEXT] [-minutes M] [-dns-server PATH]
//
// It starts a real API server and the dns-server in one network namespace, and gateways with real
// listeners in another. Each gateway is the first choice of a shared name of its own, in a namespace
// of its own, and has a backup. Once the dns-server knows the slices, the API server is stopped.
// Then all gateways of a kind of fault fail at once, while a client asks for every name fifty times a
// second.
//
// With -minutes, it also measures a gateway that changes every 3 seconds, and a dns-server that
// loses its whole network, each for so long.
//
// It needs Linux and root, and the programs ip and nft.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"
)

type options struct {
	gateways  int
	only      string
	minutes   float64
	dnsServer string
}

// inside is the environment variable of the process in the network namespace.
const inside = "XCC_BENCH_FAILOVER"

func main() {
	var o options
	flag.IntVar(&o.gateways, "gateways", 100, "gateways for each kind of fault, at most 250")
	flag.StringVar(&o.only, "only", "", "measure only the rows whose health check or fault contains the text")
	flag.Float64Var(&o.minutes, "minutes", 0, "how long a gateway flaps, and how long the network is lost; 0 skips both")
	flag.StringVar(&o.dnsServer, "dns-server", "bin/dns-server", "path of the dns-server")
	serves := flag.Bool("serve", false, "be the gateways; this program starts them itself")
	flag.Parse()
	ctrl.SetLogger(logr.Discard()) // That of the API server's start.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, o, *serves)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-failover:", err)
		os.Exit(1)
	}
}

func start(ctx context.Context, o options, serves bool) error {
	switch {
	case serves:
		return serve(os.Stdin)
	case o.gateways < 1 || o.gateways > 250:
		return errors.New("-gateways is not 1 to 250")
	case os.Getenv(inside) != "":
		return run(ctx, o)
	}
	child := exec.CommandContext(ctx, "/proc/self/exe", os.Args[1:]...)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	child.Env = append(os.Environ(), inside+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM}
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = time.Minute
	return child.Run()
}
