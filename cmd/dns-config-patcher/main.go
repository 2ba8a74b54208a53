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

// Command dns-config-patcher makes CoreDNS forward the zones to the DNS server of its cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/version"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		klog.Background().Error(err, "Failed to run")
		klog.Flush()
		os.Exit(1)
	}
}

func run(args []string) error {
	options, err := patcher.ParseOptions(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case errors.Is(err, patcher.ErrVersion):
		_, err := fmt.Println(version.Version)
		return err
	case err != nil:
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return patcher.Run(ctx, options)
}
