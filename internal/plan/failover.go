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

package plan

import (
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// Consumer is a consuming cluster.
type Consumer struct {
	// Cluster is the name of its Cluster.
	Cluster string
	// Labels are those of its Cluster.
	Labels map[string]string
	// Readers are its dns-servers. They decide where host names are written, and whether shared
	// names and health checks are.
	Readers Readers
}

// failoverTexts are the annotations for failover on the slices of one gateway. They differ between
// consuming clusters by the rank of the gateway there.
type failoverTexts struct {
	// keys are the labels of localities, and values are those of the gateway's Cluster.
	keys, values []string
	// texts has one annotation without a shared name, and none without a health check either. With
	// a shared name, the first is for the gateway's own cluster. The others are for clusters with
	// zero and more leading values in common.
	texts []string
}

// failoverOf returns the annotations for a gateway in the status of a GatewayDNS.
func failoverOf(gatewayDNS *xccv1.GatewayDNS, gateway *xccv1.GatewayStatus) failoverTexts {
	settings := failover.Settings{HealthCheck: healthCheckOf(gatewayDNS.Spec.HealthCheck, gateway)}
	share := gateway.Shared
	if share == nil || share.Priority == nil || share.Weight == nil || gatewayDNS.Status.SharedHostname == "" {
		if settings.HealthCheck == nil {
			return failoverTexts{}
		}
		return failoverTexts{texts: []string{settings.String()}}
	}
	var of failoverTexts
	if spec := gatewayDNS.Spec.Shared; spec != nil && spec.Locality != nil {
		of.keys = slices.Clone(spec.Locality.Labels)
		of.values = slices.Clone(share.Locality[:min(len(share.Locality), len(of.keys))])
	}
	add := func(isOwn bool, inCommon int) {
		settings.Shared = &failover.Share{
			Hostname: gatewayDNS.Status.SharedHostname,
			Rank:     failover.Rank(uint16(*share.Priority), isOwn, inCommon), //nolint:gosec // The schema bounds it.
			Weight:   uint16(*share.Weight),                                   //nolint:gosec // The schema bounds it.
		}
		of.texts = append(of.texts, settings.String())
	}
	add(true, 0)
	for inCommon := range len(of.values) + 1 {
		add(false, inCommon)
	}
	return of
}

// healthCheckOf returns the probes of a gateway, nil if it is not probed.
func healthCheckOf(spec *xccv1.HealthCheck, gateway *xccv1.GatewayStatus) *failover.HealthCheck {
	if spec == nil {
		return nil
	}
	check := spec.WithDefaults()
	port := check.Port
	if first := slices.IndexFunc(gateway.Ports, func(p xccv1.GatewayPort) bool { return p.Protocol == "TCP" }); port == 0 && first >= 0 {
		port = gateway.Ports[first].Port
	}
	if port == 0 {
		return nil
	}
	host := check.Host
	if host == "" && check.Protocol != xccv1.HealthCheckTCP {
		host = dnsname.Bare(gateway.Hostname)
	}
	return &failover.HealthCheck{
		Protocol: failover.Protocol(check.Protocol), Port: uint16(port), //nolint:gosec // The schema bounds it.
		Path: check.Path, Host: host, Interval: check.Interval.Duration, Timeout: check.Timeout.Duration,
		FailureThreshold: int(check.FailureThreshold), SuccessThreshold: int(check.SuccessThreshold),
		ReportOnly: check.Mode == xccv1.HealthCheckReport,
	}
}

func (f *failoverTexts) equal(other *failoverTexts) bool {
	return slices.Equal(f.keys, other.keys) && slices.Equal(f.values, other.values) && slices.Equal(f.texts, other.texts)
}

// failoverForm returns which annotation for failover a slice of the gateway has in a cluster: 0 for
// none, or the index in failoverTexts plus 1. A new annotation needs dns-servers that all read it:
// the others would deny the shared name in every second answer. An existing one is kept up to date.
func (g *Gateway) failoverForm(consumer Consumer, current *discoveryv1.EndpointSlice) int {
	if len(g.failover.texts) == 0 {
		return 0
	}
	if _, has := annotationOf(current, xccv1.FailoverAnnotation); !has && consumer.Readers != ReadersCurrent {
		return 0
	}
	switch {
	case len(g.failover.texts) == 1, g.source.Cluster == consumer.Cluster:
		return 1
	}
	inCommon := 0
	for i, value := range g.failover.values {
		if own, ok := consumer.Labels[g.failover.keys[i]]; !ok || own != value {
			break
		}
		inCommon++
	}
	return 2 + inCommon
}

func annotationOf(slice *discoveryv1.EndpointSlice, key string) (string, bool) {
	if slice == nil {
		return "", false
	}
	value, ok := slice.Annotations[key]
	return value, ok
}
