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

package gatewaydns

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/claims"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// sharedState is the name that spec.shared asks for, and the part of each gateway in it.
type sharedState struct {
	// hostname is empty if the name is not published. Then no gateway has a part in it.
	hostname string
	// shares are the parts of the gateways, by Cluster.
	shares map[string]*xccv1.GatewayShare
	// rival is another GatewayDNS that has the name, or nil.
	rival *claims.Holder
	// invalid is why DNS does not allow the name.
	invalid error
	// membersErr is why a member's selector cannot be evaluated.
	membersErr error
}

// sharedOf evaluates spec.shared. The parts of the gateways depend on the spec and on the labels of the selected Clusters alone,
// never on the state of a gateway. The gateways keep their former parts if a member's selector is invalid, or if selectorErr
// says that the selected Clusters are not known.
func sharedOf(gatewayDNS *xccv1.GatewayDNS, zone string, selected []clusterv1.Cluster, selectorErr error, rival *claims.Holder) sharedState {
	spec := gatewayDNS.Spec.Shared
	if spec == nil {
		return sharedState{}
	}
	hostname, err := dnsname.Shared{Name: spec.Name, Namespace: gatewayDNS.Namespace}.Hostname(zone)
	if err != nil || rival != nil {
		return sharedState{invalid: err, rival: rival}
	}
	members, membersErr := membersOf(spec)
	result := sharedState{hostname: hostname, shares: map[string]*xccv1.GatewayShare{}, membersErr: membersErr}
	if membersErr != nil || selectorErr != nil {
		for _, gateway := range gatewayDNS.Status.Gateways {
			result.setShare(gateway.Cluster, gateway.Shared)
		}
		return result
	}
	for i := range selected {
		result.setShare(selected[i].Name, shareOf(spec, members, selected[i].Labels))
	}
	return result
}

// setShare sets the part of a Cluster's gateway, if it has one.
func (s *sharedState) setShare(cluster string, share *xccv1.GatewayShare) {
	if share != nil {
		s.shares[cluster] = share
	}
}

// setShares sets the parts of gateways that are otherwise as they were.
func setShares(gateways []xccv1.GatewayStatus, shares map[string]*xccv1.GatewayShare, now metav1.Time) {
	for i := range gateways {
		last := gateways[i]
		gateways[i].Shared = shares[last.Cluster]
		if changed(&last, &gateways[i]) {
			gateways[i].LastTransitionTime = now
		}
	}
}

// member is an entry of spec.shared.members.
type member struct {
	selector         labels.Selector
	priority, weight int32
}

// The priority and the weight of a member that has none, as in the schema.
const defaultPriority, defaultWeight = 0, 1

// membersOf returns the members with their selectors. Without spec.shared.members there is one for all Clusters.
func membersOf(spec *xccv1.SharedName) ([]member, error) {
	if len(spec.Members) == 0 {
		return []member{{labels.Everything(), defaultPriority, defaultWeight}}, nil
	}
	members := make([]member, 0, len(spec.Members))
	for i := range spec.Members {
		selector, err := metav1.LabelSelectorAsSelector(&spec.Members[i].ClusterSelector)
		if err != nil {
			return nil, fmt.Errorf("spec.shared.members[%d].clusterSelector: %w", i, err)
		}
		members = append(members, member{
			selector, ptr.Deref(spec.Members[i].Priority, defaultPriority), ptr.Deref(spec.Members[i].Weight, defaultWeight),
		})
	}
	return members, nil
}

// shareOf returns the part of the gateway of a Cluster with these labels: that of the first member that matches, or nil.
func shareOf(spec *xccv1.SharedName, members []member, clusterLabels labels.Set) *xccv1.GatewayShare {
	for _, m := range members {
		if !m.selector.Matches(clusterLabels) {
			continue
		}
		return &xccv1.GatewayShare{Priority: &m.priority, Weight: &m.weight, Locality: localityOf(spec.Locality, clusterLabels)}
	}
	return nil
}

// localityOf returns the values of the locality's labels, up to the first label that is missing.
func localityOf(locality *xccv1.SharedLocality, clusterLabels labels.Set) []string {
	if locality == nil {
		return nil
	}
	var values []string
	for _, key := range locality.Labels {
		value, ok := clusterLabels[key]
		if !ok {
			break
		}
		values = append(values, value)
	}
	return values
}
