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

package manager

import (
	"errors"
	"flag"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/component-base/logs"
	logsv1 "k8s.io/component-base/logs/api/v1"
	_ "k8s.io/component-base/logs/json/register" // The flag --logging-format=json.
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/flags"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/version"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

// defaultImage is the repository of the image that holds dns-server and dns-config-patcher.
const defaultImage = "ghcr.io/cross-cluster-connectivity/xcc-dns"

// Options are the flags of the manager.
type Options struct {
	LeaderElection              bool
	LeaderElectionLeaseDuration time.Duration
	LeaderElectionRenewDeadline time.Duration
	LeaderElectionRetryPeriod   time.Duration

	WatchNamespace string
	WatchFilter    string
	SyncPeriod     time.Duration
	HealthAddress  string
	KubeAPIQPS     float32
	KubeAPIBurst   int

	ClusterCacheQPS         float32
	ClusterCacheBurst       int
	ClusterCacheConcurrency int
	ClusterConcurrency      int
	GatewayDNSConcurrency   int

	// Rollout bounds how many clusters are updated at the same time.
	Rollout install.RolloutOptions
	// DrainTime is how long DNS servers keep running after the Corefile was changed, if the add-on is removed.
	DrainTime time.Duration

	// DNS holds the values of the manifests for workload clusters.
	DNS templates.Values
	// Tolerations and Resources are the JSON of the flags, and PriorityClass is a name as users write it. Validate parses them
	// into DNS.
	Tolerations   string
	Resources     string
	PriorityClass string
	// Bounds limit the annotations of a Cluster. MaxResources is the JSON of the flag, which Validate parses.
	Bounds       install.Bounds
	MaxResources string

	// Pod identifies the manager's own Pod. It is not a flag.
	Pod Pod

	// Manager holds the flags for diagnostics and TLS, as in every Cluster API provider.
	Manager flags.ManagerOptions
	Logs    *logs.Options
}

// NewOptions returns Options with nothing set; AddFlags sets the defaults.
func NewOptions() *Options {
	return &Options{Logs: logs.NewOptions()}
}

// AddFlags adds the flags with their defaults.
func (o *Options) AddFlags(fs *pflag.FlagSet) {
	logsv1.AddFlags(o.Logs, fs)
	fs.AddGoFlagSet(flag.CommandLine)
	flags.AddManagerOptions(fs, &o.Manager)
	o.addManagerFlags(fs)
	o.addDNSFlags(fs)
}

func (o *Options) addManagerFlags(fs *pflag.FlagSet) {
	fs.BoolVar(&o.LeaderElection, "leader-elect", false, "Elect a leader, so that only one of several managers is active.")
	fs.DurationVar(&o.LeaderElectionLeaseDuration, "leader-elect-lease-duration", 15*time.Second,
		"How long a manager that is not the leader waits before it takes over the lease.")
	fs.DurationVar(&o.LeaderElectionRenewDeadline, "leader-elect-renew-deadline", 10*time.Second,
		"How long the leader tries to renew its lease before it gives up.")
	fs.DurationVar(&o.LeaderElectionRetryPeriod, "leader-elect-retry-period", 2*time.Second, "How long to wait between two tries.")
	fs.StringVar(&o.WatchNamespace, "namespace", "", "The namespace of the Clusters and GatewayDNS to reconcile; all namespaces if empty.")
	fs.StringVar(&o.WatchFilter, "watch-filter", "",
		fmt.Sprintf("The value of the label %s of the Clusters and GatewayDNS to reconcile; all if empty.", clusterv1.WatchLabel))
	fs.DurationVar(&o.SyncPeriod, "sync-period", 10*time.Minute, "The interval at which unchanged GatewayDNS and labelled Clusters are reconciled.")
	fs.StringVar(&o.HealthAddress, "health-addr", ":9440", "The address of the health endpoints /healthz and /readyz.")
	fs.Float32Var(&o.KubeAPIQPS, "kube-api-qps", 100, "The maximum requests per second to the API server of the management cluster.")
	fs.IntVar(&o.KubeAPIBurst, "kube-api-burst", 200, "The maximum burst of requests to the API server of the management cluster.")
	fs.Float32Var(&o.ClusterCacheQPS, "clustercache-client-qps", 20, "The maximum requests per second to the API server of one workload cluster.")
	fs.IntVar(&o.ClusterCacheBurst, "clustercache-client-burst", 30, "The maximum burst of requests to the API server of one workload cluster.")
	fs.IntVar(&o.ClusterCacheConcurrency, "clustercache-concurrency", 100, "How many workload clusters are connected or probed at the same time.")
	fs.IntVar(&o.ClusterConcurrency, "cluster-concurrency", 100,
		"How many Clusters each of the controllers (add-on, gateways, records) reconciles at the same time.")
	fs.IntVar(&o.GatewayDNSConcurrency, "gatewaydns-concurrency", 10, "How many GatewayDNS are reconciled at the same time.")
}

func (o *Options) addDNSFlags(fs *pflag.FlagSet) {
	fs.IntVar(&o.Rollout.Concurrency, "rollout-concurrency", 5,
		"How many previously ready workload clusters may be updating or unready before the rollout pauses. "+
			"While several namespaces wait, each has at most one.")
	fs.BoolVar(&o.Rollout.IgnoreUnready, "rollout-ignore-unready", false,
		"Continue an update even if clusters are not ready with it. An unready cluster then counts for 2 minutes, instead of until it is ready, "+
			"or for 15 minutes if clusters of other namespaces are ready.")
	fs.DurationVar(&o.DrainTime, "drain-time", 3*time.Minute,
		"How long the DNS servers of a workload cluster keep running after the Corefile was changed, if the add-on is removed. "+
			"kubelet and CoreDNS need up to 2 minutes and 37 seconds to load the change.")
	fs.StringVar(&o.DNS.Zone, "zone", xccv1.DefaultZone, "The DNS zone of the gateways' names in workload clusters.")
	fs.StringVar(&o.DNS.Image, "dns-image", defaultImage+":"+version.Version, "The image of the DNS server in workload clusters.")
	fs.StringVar(&o.DNS.ImagePullSecret, "dns-image-pull-secret", "",
		"The name of the image pull Secret in the namespace "+xccv1.WorkloadNamespace+" of workload clusters.")
	fs.Int32Var(&o.DNS.Replicas, "dns-replicas", 2, "The number of DNS servers in each workload cluster.")
	fs.Int32Var(&o.DNS.TTL, "dns-ttl", 5, "The time to live of the records, in seconds.")
	fs.StringSliceVar(&o.DNS.DenyAddresses, "dns-deny-addresses", nil,
		"Address ranges that the DNS servers do not serve, as CIDRs separated by commas. "+
			"Loopback, link-local, multicast, reserved and metadata addresses are never served.")
	fs.StringVar(&o.Tolerations, "dns-tolerations", "", "Additional tolerations of the pods in workload clusters, as a JSON list.")
	fs.StringToStringVar(&o.DNS.NodeSelector, "dns-node-selector", nil,
		"Labels of the nodes for the pods in workload clusters, besides kubernetes.io/os=linux, as key=value,key=value.")
	fs.StringVar(&o.Resources, "dns-resources", "",
		`The resources of the DNS server's container, as JSON, for example {"requests":{"cpu":"100m"}}.`)
	fs.StringVar(&o.PriorityClass, "dns-priority-class", templates.DefaultPriorityClass,
		"The PriorityClass of the pods in workload clusters, which must exist there, or "+xccv1.NoPriorityClass+". The add-on includes a ResourceQuota for it.")
	fs.StringSliceVar(&o.Bounds.SystemClasses, "allowed-dns-priority-classes", nil,
		"PriorityClasses named system-* that the annotation "+xccv1.DNSPriorityClassAnnotation+
			" of a Cluster may request besides --dns-priority-class, separated by commas.")
	fs.Int32Var(&o.Bounds.Replicas, "max-dns-replicas", 10, "The highest value of the annotation "+xccv1.DNSReplicasAnnotation+
		" of a Cluster.")
	fs.StringVar(&o.MaxResources, "max-dns-resources", "", "The largest request and limit per resource in the annotation "+
		xccv1.DNSResourcesAnnotation+" of a Cluster, as JSON. A resource that is not listed keeps its default: "+
		`{"cpu":"2","memory":"1Gi","ephemeral-storage":"1Gi"}.`)
}

// Validate parses the flags with structured text, and returns an error that names each invalid flag.
func (o *Options) Validate() error {
	var errs []error
	if err := yaml.UnmarshalStrict([]byte(o.Tolerations), &o.DNS.Tolerations); err != nil {
		errs = append(errs, fmt.Errorf("--dns-tolerations must be a JSON list of tolerations: %w", err))
	}
	if err := yaml.UnmarshalStrict([]byte(o.Resources), &o.DNS.Resources); err != nil {
		errs = append(errs, fmt.Errorf("--dns-resources must be JSON with requests and limits: %w", err))
	}
	var err error
	if o.DNS.PriorityClass, err = install.ParsePriorityClass(o.PriorityClass); err != nil {
		errs = append(errs, fmt.Errorf("--dns-priority-class is %q, it %w", o.PriorityClass, err))
	}
	if o.Bounds.SystemClasses, err = install.ParseSystemClasses(o.Bounds.SystemClasses); err != nil {
		errs = append(errs, fmt.Errorf("--allowed-dns-priority-classes: %w", err))
	}
	bound, err := install.ParseBound(o.MaxResources)
	if err != nil {
		errs = append(errs, fmt.Errorf("--max-dns-resources must be JSON with quantities of cpu, memory and ephemeral-storage: %w", err))
	}
	o.Bounds.Resources = bound
	if o.Bounds.Replicas < 1 {
		errs = append(errs, fmt.Errorf("--max-dns-replicas is %d, it must be at least 1", o.Bounds.Replicas))
	}
	for key, value := range o.DNS.NodeSelector {
		if problems := append(content.IsLabelKey(key), content.IsLabelValue(value)...); len(problems) > 0 {
			errs = append(errs, fmt.Errorf("--dns-node-selector %s=%s is not a label: %s", key, value, problems[0]))
		}
	}
	if o.Rollout.Concurrency < 1 {
		errs = append(errs, fmt.Errorf("--rollout-concurrency is %d, it must be at least 1", o.Rollout.Concurrency))
	}
	if o.DrainTime < 0 {
		errs = append(errs, fmt.Errorf("--drain-time is %s, it must not be negative", o.DrainTime))
	}
	if err := o.DNS.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("--zone, --dns-image, --dns-replicas, --dns-ttl, --dns-deny-addresses: %w", err))
	}
	return errors.Join(errs...)
}
