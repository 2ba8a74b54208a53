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

// Command demo shows xcc on three real clusters, and leaves them running.
//
//	demo up     start the clusters and run the walkthrough
//	demo down   remove the clusters
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/walkthrough"
)

// name is the name of the demo's rig.
const name = "demo"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	interrupted := ctx.Err() != nil
	stop()
	if interrupted {
		fmt.Fprintln(os.Stderr, `demo: interrupted; started clusters keep running: "make demo-down" removes them`)
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 1 && args[0] == "up":
		return up(ctx)
	case len(args) == 1 && args[0] == "down":
		return down(ctx)
	}
	return errors.New("usage: demo up | down, in the repository's folder")
}

func down(ctx context.Context) error {
	_, missing := rig.Open(name, os.Stdout)
	if err := rig.Down(ctx, name); err != nil { // Also removes the remains of a failed run, which cannot be opened.
		return err
	}
	if missing == nil {
		fmt.Println("Removed the demo's clusters.")
	} else {
		fmt.Println("No demo is running.")
	}
	return nil
}

func up(ctx context.Context) error {
	started := time.Now()
	if _, err := rig.Open(name, os.Stdout); err == nil {
		fmt.Println("Replacing the clusters of an earlier demo.")
	}
	w, err := walkthrough.Start(ctx, name, ".", os.Stdout)
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{
		w.Install, w.Publish, w.StartClients, w.Fetch, w.PublishOthers, w.FetchOthers, w.PublishShared, w.FailOver,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	fmt.Printf(`
=== Done after %.0f s. The clusters keep running.

To run the commands above in a shell:
  source %s
Kubeconfigs:
  management  %s
  cluster-a   %s
  cluster-b   %s
"make demo-down" removes everything.
`, time.Since(started).Seconds(), w.EnvironmentFile(), w.Management.KubeconfigPath, w.A.KubeconfigPath, w.B.KubeconfigPath)
	return nil
}
