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

// Command dns-server is the authoritative DNS server for the add-on's zones in a workload cluster.
// See package dnsserver.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/version"
)

const help = `dns-server answers DNS queries for the names of other clusters' gateways, with authority for its zones.

It watches the EndpointSlices of one namespace. The annotation connectivity.tanzu.vmware.com/dns-hostname of a slice is
the name, and its endpoints are the addresses. The annotation connectivity.tanzu.vmware.com/dns-targets, or a slice of
type FQDN, makes the name an alias for a host name. The server answers from memory, over UDP and TCP, only for its
zones, and never recurses.

In a workload cluster the add-on runs it as the Deployment dns-server, and CoreDNS forwards the zone to it.
To run it by hand, use a kubeconfig whose user may list and watch EndpointSlices in the namespace:

  dns-server --kubeconfig=$HOME/.kube/config --dns-bind-address=127.0.0.1:1053
  dig @127.0.0.1 -p 1053 app.gateway.cluster-a.dev-team.clusters.xcc.test

On SIGTERM, /readyz fails, queries are answered for the --lameduck time, and the server exits. The environment variable
GOMEMLIMIT sets a soft memory limit.

Flags:
`

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "dns-server:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	options := dnsserver.NewOptions()
	flags := pflag.NewFlagSet("dns-server", pflag.ContinueOnError)
	options.AddFlags(flags)
	addLogFlags(flags)
	flags.Usage = func() { fmt.Fprint(os.Stderr, help, flags.FlagUsages()) }
	showVersion := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: everything is a flag", flags.Arg(0))
	}
	if *showVersion {
		tellCapabilities()
		_, err := fmt.Println(version.Version)
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	return dnsserver.Run(ctx, options)
}

// tellCapabilities writes the capabilities of this build to the file named by the environment, if
// any. A failure must not keep the Pod from starting: the manager then treats the dns-server as a
// former release, and no query fails.
func tellCapabilities() {
	name := os.Getenv(capability.FileVariable)
	if name == "" {
		return
	}
	if err := os.WriteFile(name, []byte(capability.All()), 0o600); err != nil { //nolint:gosec // Whoever starts the program names the file.
		fmt.Fprintln(os.Stderr, "dns-server:", err)
	}
}

// addLogFlags adds -v, the only klog flag that is useful in a container.
func addLogFlags(flags *pflag.FlagSet) {
	var all flag.FlagSet
	klog.InitFlags(&all)
	verbosity := pflag.PFlagFromGoFlag(all.Lookup("v"))
	verbosity.Usage = "verbosity of the log: 0 is quiet, 4 logs every request to the API server"
	flags.AddFlag(verbosity)
}
