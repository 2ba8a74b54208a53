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

package dnsserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

const (
	defaultTTL      = 5
	defaultLameduck = 5 * time.Second
	// defaultAliasMaxStale is a day, the least that RFC 8767, section 5 suggests.
	defaultAliasMaxStale = 24 * time.Hour
	defaultResolvConf    = "/etc/resolv.conf"

	// maxTTL is a day. RFC 2181, section 8 allows 68 years, but a cached record cannot be revoked.
	maxTTL = 86400

	// serviceHostVariable is set by Kubernetes in containers that start after the Service
	// dns-server of their namespace exists. Its value is the Service's ClusterIP.
	serviceHostVariable = "DNS_SERVER_SERVICE_HOST"
)

// Options configure the DNS server.
type Options struct {
	// Zones to serve. Default: xcc.test.
	Zones []string
	// Namespace whose EndpointSlices are the records. Default: xcc-dns.
	Namespace string
	// Kubeconfig is the path of a kubeconfig file. Default: the ServiceAccount of the pod.
	Kubeconfig string
	// DNSAddress is the address for DNS over UDP and TCP, as [host]:port. Default: :1053.
	DNSAddress string
	// HealthAddress is the address for /healthz and /readyz, as [host]:port. Default: :8080.
	HealthAddress string
	// MetricsAddress is the address for /metrics, as [host]:port. Default: :9153.
	MetricsAddress string
	// ReportAddress is the address for /report, as [host]:port. Default: :8081.
	ReportAddress string
	// TTL of addresses and aliases in seconds. Default: 5.
	TTL uint32
	// Lameduck is how long the server answers queries after the shutdown began. Default: 5s.
	Lameduck time.Duration
	// ResolvConf is the path of a file that names the resolvers for alias targets. They must not be
	// those of cluster DNS, which forwards to this server. Default: /etc/resolv.conf.
	ResolvConf string
	// AliasMaxStale is how long the last good addresses of a target are served while lookups fail.
	// Default: 24h.
	AliasMaxStale time.Duration
	// DenyAddresses are CIDRs whose addresses are never served, in addition to those of package
	// netaddr. Default: none.
	DenyAddresses []string
	// QueryLogEvery logs one query in so many per socket; 0 disables it. Default: 0.
	QueryLogEvery uint64
	// DebugRecords serves /debug/records at the HealthAddress. Default: false.
	DebugRecords bool
	// NameServer are the addresses of the name server in the zones' NS records. Default: the
	// ClusterIP of the Service dns-server if Kubernetes provides it, or else none.
	NameServer []netip.Addr

	// denied is the parsed form of DenyAddresses.
	denied []netip.Prefix
	// resolverPort is the port of the resolvers in ResolvConf. Default: 53. Tests change it.
	resolverPort string
	// probe replaces the probes of gateways in tests.
	probe func(context.Context, reach.Target) error
}

// NewOptions returns the defaults.
func NewOptions() Options {
	options := Options{
		Zones:          []string{xccv1.DefaultZone},
		Namespace:      xccv1.WorkloadNamespace,
		DNSAddress:     ":1053",
		HealthAddress:  ":8080",
		MetricsAddress: ":9153",
		ReportAddress:  ":8081",
		TTL:            defaultTTL,
		Lameduck:       defaultLameduck,
		ResolvConf:     defaultResolvConf,
		AliasMaxStale:  defaultAliasMaxStale,
	}
	// A Service may say "None", and a process outside a cluster has no such variable.
	if address, err := netip.ParseAddr(os.Getenv(serviceHostVariable)); err == nil {
		options.NameServer = []netip.Addr{address}
	}
	return options
}

// AddFlags adds a flag for each option. The current values are the defaults.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	flags.StringArrayVar(&o.Zones, "zone", o.Zones,
		"authoritative zone; repeatable. A slice belongs to the longest zone that contains its name")
	flags.StringVar(&o.Namespace, "namespace", o.Namespace, "namespace of the served EndpointSlices")
	flags.StringVar(&o.Kubeconfig, "kubeconfig", o.Kubeconfig, "path of a kubeconfig file; empty for the pod's ServiceAccount")
	flags.StringVar(&o.DNSAddress, "dns-bind-address", o.DNSAddress, "[host]:port for DNS over UDP and TCP")
	flags.StringVar(&o.HealthAddress, "health-bind-address", o.HealthAddress, "[host]:port for /healthz and /readyz over HTTP")
	flags.StringVar(&o.MetricsAddress, "metrics-bind-address", o.MetricsAddress, "[host]:port for /metrics over HTTP")
	flags.StringVar(&o.ReportAddress, "report-bind-address", o.ReportAddress,
		"[host]:port for /report over HTTP, which tells dns-config-patcher the gateways that are up and down")
	flags.Uint32Var(&o.TTL, "ttl", o.TTL, fmt.Sprintf("TTL of addresses and aliases in seconds, 0 to %d", maxTTL))
	flags.DurationVar(&o.Lameduck, "lameduck", o.Lameduck,
		"how long queries are answered after SIGTERM while /readyz fails, so that clients can switch to another server")
	flags.StringVar(&o.ResolvConf, "resolv-conf", o.ResolvConf,
		"path of a file with the resolvers for alias targets. They must not be the cluster's own DNS, which forwards to this server")
	flags.DurationVar(&o.AliasMaxStale, "alias-max-stale", o.AliasMaxStale,
		"how long the last good addresses of an alias target are served while its lookups fail")
	flags.StringSliceVar(&o.DenyAddresses, "deny-addresses", o.DenyAddresses,
		"CIDRs of addresses that are not served, separated by commas; repeatable. "+
			"Loopback, link-local, multicast, reserved and metadata addresses are never served")
	flags.Uint64Var(&o.QueryLogEvery, "query-log-every", o.QueryLogEvery, "log every n-th query; 0 logs none")
	flags.BoolVar(&o.DebugRecords, "debug-records", o.DebugRecords,
		"list the served records at /debug/records of the health address, without authentication")
}

// Validate brings the zones into canonical form, without duplicates. Its error names each faulty
// flag and the fault.
func (o *Options) Validate() error {
	var errs []error
	zones, err := canonicalZones(o.Zones)
	if err != nil {
		errs = append(errs, err)
	}
	o.Zones = zones
	if problems := validation.IsDNS1123Label(o.Namespace); len(problems) > 0 {
		errs = append(errs, fmt.Errorf("--namespace %q: %s", o.Namespace, strings.Join(problems, "; ")))
	}
	for _, bind := range []struct{ flag, address string }{
		{"dns-bind-address", o.DNSAddress}, {"health-bind-address", o.HealthAddress}, {"metrics-bind-address", o.MetricsAddress},
		{"report-bind-address", o.ReportAddress},
	} {
		if _, _, err := net.SplitHostPort(bind.address); err != nil {
			errs = append(errs, fmt.Errorf("--%s %q is not [host]:port: %w", bind.flag, bind.address, err))
		}
	}
	o.denied = nil
	for _, text := range o.DenyAddresses {
		denied, err := netaddr.ParseRange(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--deny-addresses: %w", err))
			continue
		}
		o.denied = append(o.denied, denied)
	}
	if o.TTL > maxTTL {
		errs = append(errs, fmt.Errorf("--ttl %d is more than %d seconds", o.TTL, maxTTL))
	}
	if o.Lameduck < 0 {
		errs = append(errs, fmt.Errorf("--lameduck %s is negative", o.Lameduck))
	}
	if o.AliasMaxStale < 0 {
		errs = append(errs, fmt.Errorf("--alias-max-stale %s is negative", o.AliasMaxStale))
	}
	return errors.Join(errs...)
}

func canonicalZones(zones []string) ([]string, error) {
	if len(zones) == 0 {
		return nil, errors.New("--zone is missing")
	}
	var canonical []string
	for _, text := range zones {
		name, err := dnsname.Canonical(text)
		if err == nil && strings.HasPrefix(name, "*") {
			err = errors.New("a zone cannot be a wildcard")
		}
		if err == nil {
			// The longest name that the zone itself needs.
			_, err = dnsname.Canonical("hostmaster." + name)
		}
		if err != nil {
			return nil, fmt.Errorf("--zone: %w", err)
		}
		canonical = append(canonical, name)
	}
	slices.Sort(canonical)
	canonical = slices.Compact(canonical)
	for _, name := range canonical {
		if i := slices.IndexFunc(canonical, func(outer string) bool { return zone.Owns(outer, name) }); i >= 0 {
			return nil, fmt.Errorf("--zone: the name %q is one that the zone %s needs for itself", name, canonical[i])
		}
	}
	return canonical, nil
}
