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

// Bench-scale measures the manager with many workload clusters. The management cluster is a real API
// server with etcd, the manager a process of its own, and the API servers of the workload clusters are
// simulated in this process.
//
//	bench-scale [-shape 10x100] [-phases NAME,...] [-changes N] [-labelled] [-profiles FOLDER]
//
// The records of all clusters are verified after each phase.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	shape, phases, manager, profiles string
	changes                          int
	pause, most                      time.Duration
	seed                             uint64
	labelled                         bool
}

func main() {
	var o options
	flag.StringVar(&o.shape, "shape", "10x10", "namespaces x clusters in each")
	flag.StringVar(&o.phases, "phases", "rest,one-change,all-at-once,restart,hanging,flapping", "what is measured after the cold start, separated by commas")
	flag.StringVar(&o.manager, "manager", "bin/manager", "path of the manager")
	flag.StringVar(&o.profiles, "profiles", "", "folder for a heap and a goroutine profile after each phase")
	flag.IntVar(&o.changes, "changes", 100, "how many single changes are measured; p99 takes 100")
	flag.DurationVar(&o.pause, "pause", 300*time.Millisecond, "time between two changes")
	flag.DurationVar(&o.most, "most", 10*time.Minute, "how long a phase may take")
	flag.Uint64Var(&o.seed, "seed", 1, "decides which gateways change")
	flag.BoolVar(&o.labelled, "labelled", false, "give the Clusters the label that installs the add-on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	shape, err := parseShape(o.shape)
	if err != nil {
		return err
	}
	folder, err := newFolder(o.profiles)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench-scale: creating %d Clusters\n", shape.total())
	fleet, err := startFleet(ctx, shape, o.labelled)
	if fleet != nil && fleet.environment != nil {
		defer fleet.stop()
	}
	if err != nil {
		return err
	}
	b := &bench{fleet: fleet, options: o, folder: folder}
	defer func() {
		if b.manager != nil {
			b.manager.kill()
		}
	}()
	fmt.Printf("| %s | |\n|---|---|\n", shape)
	if err := b.run(ctx); err != nil {
		return errors.Join(err, fmt.Errorf("the manager's log is %s", folder+"/manager.log"))
	}
	return nil
}
