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
	"errors"
	"flag"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// minProbeInterval bounds what the lookups cost.
const minProbeInterval = time.Second

// Options are what the flags say.
type Options struct {
	// Zones are forwarded to the DNS server.
	Zones []string
	// Namespace has the DNS server's Service and this program's Deployment.
	Namespace string
	// Kubeconfig is a path. The configuration of the Pod is used if it is empty.
	Kubeconfig string
	// HealthBindAddress is where /healthz and /readyz are served.
	HealthBindAddress string
	// MetricsBindAddress is where /metrics is served.
	MetricsBindAddress string
	// ProbeInterval is from one lookup through the cluster's own DNS to the next.
	ProbeInterval time.Duration
	// ResolvConf is the path of the file that names the nameservers that are asked.
	ResolvConf string
	// Choice says which CoreDNS are configured.
	Choice corefile.Choice
}

// errVersion is the error of parseOptions when the version was asked for.
var errVersion = errors.New("the version was asked for")

// parseOptions returns pflag.ErrHelp when the usage was asked for and printed, and errVersion.
func parseOptions(args []string) (Options, error) {
	options := Options{}
	var zones []string
	flags := pflag.NewFlagSet("dns-config-patcher", pflag.ContinueOnError)
	flags.StringSliceVar(&zones, "zone", []string{xccv1.DefaultZone}, "DNS zone that CoreDNS forwards to the DNS server; repeatable")
	flags.StringVar(&options.Namespace, "namespace", xccv1.WorkloadNamespace,
		"namespace of the DNS server's Service and of this program's Deployment")
	flags.StringVar(&options.Kubeconfig, "kubeconfig", "", "path of a kubeconfig; in-cluster if empty")
	flags.StringVar(&options.HealthBindAddress, "health-bind-address", ":8080", "address that serves /healthz and /readyz")
	flags.StringVar(&options.MetricsBindAddress, "metrics-bind-address", ":9153", "address that serves /metrics")
	flags.DurationVar(&options.ProbeInterval, "probe-interval", 30*time.Second,
		"time from one lookup of a name in the zone, through the cluster's own DNS, to the next; while they fail it is a sixth of that")
	flags.StringVar(&options.ResolvConf, "resolv-conf", "/etc/resolv.conf", "file that names the nameservers that are asked")
	choice := flags.String("cluster-dns", "", "which CoreDNS are configured, as JSON that the manager writes; those of known distributions if empty")
	addVerbosity(flags)
	showVersion := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *showVersion {
		return Options{}, errVersion
	}
	if *choice != "" {
		var err error
		if options.Choice, err = corefile.ParseChoice(*choice); err != nil {
			return Options{}, fmt.Errorf("--cluster-dns: %w", err)
		}
	}
	for _, zone := range zones {
		if err := options.addZone(zone); err != nil {
			return Options{}, fmt.Errorf("--zone: %w", err)
		}
	}
	return options, nil
}

// addVerbosity adds -v, the one of klog's flags that is of use in a container.
func addVerbosity(flags *pflag.FlagSet) {
	var all flag.FlagSet
	klog.InitFlags(&all)
	verbosity := pflag.PFlagFromGoFlag(all.Lookup("v"))
	verbosity.Usage = "verbosity of the log: 0 is quiet, 4 shows every request to the API server"
	flags.AddFlag(verbosity)
}

// addZone makes the zone canonical, and adds it unless it is there.
func (o *Options) addZone(zone string) error {
	canonical, err := dnsname.Canonical(zone)
	if err != nil {
		return err
	}
	if strings.Contains(canonical, "*") {
		return fmt.Errorf("name %q is a wildcard", zone)
	}
	if !slices.Contains(o.Zones, canonical) {
		o.Zones = append(o.Zones, canonical)
	}
	return nil
}

// Validate returns all that is wrong.
func (o Options) Validate() error {
	var errs []error
	if o.Namespace == "" {
		errs = append(errs, errors.New("--namespace is empty"))
	}
	if _, _, err := net.SplitHostPort(o.HealthBindAddress); err != nil {
		errs = append(errs, fmt.Errorf("--health-bind-address: %w", err))
	}
	if _, _, err := net.SplitHostPort(o.MetricsBindAddress); err != nil {
		errs = append(errs, fmt.Errorf("--metrics-bind-address: %w", err))
	}
	if len(o.Zones) == 0 {
		errs = append(errs, errors.New("--zone is empty"))
	}
	if o.ProbeInterval < minProbeInterval || o.ProbeInterval%time.Second != 0 {
		errs = append(errs, fmt.Errorf("--probe-interval is %s, it must be whole seconds of at least %s", o.ProbeInterval, minProbeInterval))
	}
	return errors.Join(errs...)
}
