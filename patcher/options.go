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

package patcher

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

// minProbeInterval bounds the load of the lookups.
const minProbeInterval = time.Second

// Options are the values of the flags.
type Options struct {
	// Zones are forwarded to the DNS server.
	Zones []string
	// Namespace is the namespace of the DNS server's Service and the patcher's Deployment.
	Namespace string
	// Kubeconfig is a path. If it is empty, the Pod's ServiceAccount is used.
	Kubeconfig string
	// HealthBindAddress serves /healthz and /readyz.
	HealthBindAddress string
	// MetricsBindAddress serves /metrics.
	MetricsBindAddress string
	// ProbeInterval is the interval of lookups through the cluster's own DNS.
	ProbeInterval time.Duration
	// ResolvConf is the path of the file with the nameservers for these lookups.
	ResolvConf string
	// Choice lists the CoreDNS to configure.
	Choice corefile.Choice
}

// ErrVersion is the error of ParseOptions for --version.
var ErrVersion = errors.New("the version was requested")

// ParseOptions parses the arguments. It returns pflag.ErrHelp after it has printed the usage, and ErrVersion for --version.
func ParseOptions(args []string) (Options, error) {
	options := Options{}
	var zones []string
	flags := pflag.NewFlagSet("dns-config-patcher", pflag.ContinueOnError)
	flags.StringSliceVar(&zones, "zone", []string{xccv1.DefaultZone}, "DNS zone that CoreDNS forwards to the DNS server; repeatable")
	flags.StringVar(&options.Namespace, "namespace", xccv1.WorkloadNamespace,
		"namespace of the DNS server's Service and of the patcher's Deployment")
	flags.StringVar(&options.Kubeconfig, "kubeconfig", "", "path of a kubeconfig; the pod's ServiceAccount if empty")
	flags.StringVar(&options.HealthBindAddress, "health-bind-address", ":8080", "address that serves /healthz and /readyz")
	flags.StringVar(&options.MetricsBindAddress, "metrics-bind-address", ":9153", "address that serves /metrics")
	flags.DurationVar(&options.ProbeInterval, "probe-interval", 30*time.Second,
		"interval of lookups of a name in the zone through the cluster's own DNS; a sixth of it while lookups fail")
	flags.StringVar(&options.ResolvConf, "resolv-conf", "/etc/resolv.conf", "path of a file with the nameservers for these lookups")
	choice := flags.String("cluster-dns", "", "the CoreDNS to configure, as JSON written by the manager; those of known distributions if empty")
	addVerbosity(flags)
	showVersion := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		return Options{}, err
	}
	if flags.NArg() > 0 {
		return Options{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *showVersion {
		return Options{}, ErrVersion
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

// addVerbosity adds -v, the only klog flag that is useful in a container.
func addVerbosity(flags *pflag.FlagSet) {
	var all flag.FlagSet
	klog.InitFlags(&all)
	verbosity := pflag.PFlagFromGoFlag(all.Lookup("v"))
	verbosity.Usage = "verbosity of the log: 0 is quiet, 4 logs every request to the API server"
	flags.AddFlag(verbosity)
}

// addZone adds the zone in canonical form, without duplicates.
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

// Validate returns an error that names each invalid flag.
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
