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

// Rig runs real clusters on this machine; see package rig. It needs root.
//
//	rig up NAME CLUSTER...   start a rig; its clusters outlive this command
//	rig status NAME          show its clusters and their kubeconfigs
//	rig down NAME            end and remove it
//	rig components [NAME]... build all or some of the programs for the tests
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rig:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) >= 3 && args[0] == "up":
		return up(ctx, args[1], args[2:])
	case len(args) == 2 && args[0] == "status":
		return status(args[1])
	case len(args) == 2 && args[0] == "down":
		return rig.Down(ctx, args[1])
	case len(args) >= 1 && args[0] == "components":
		return buildComponents(ctx, args[1:])
	}
	return errors.New("usage: rig up NAME CLUSTER... | status NAME | down NAME | components [NAME]... (see the package)")
}

func up(ctx context.Context, name string, clusters []string) error {
	if err := rig.InstallPackages(ctx, os.Stderr); err != nil {
		return err
	}
	r, err := rig.New(ctx, name, os.Stderr)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, cluster := range clusters {
		group.Go(func() error {
			_, err := r.StartCluster(ctx, cluster)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return status(name)
}

func status(name string) error {
	r, err := rig.Open(name, os.Stderr)
	if err != nil {
		return err
	}
	for _, cluster := range r.Clusters() {
		fmt.Printf("%s\t%s\t%s\n", cluster.Name, cluster.Address, cluster.KubeconfigPath)
	}
	return nil
}

// buildComponents builds the named components, or all if there are no names.
func buildComponents(ctx context.Context, names []string) error {
	if len(names) == 0 {
		names = components.Names()
	}
	for _, name := range names {
		path, err := components.Path(ctx, name)
		if err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}
