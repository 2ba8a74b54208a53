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
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// recordTransitions emits an event for each gateway that changed, and one if the shared name is published or withdrawn.
func (r *Reconciler) recordTransitions(before, after *xccv1.GatewayDNS) {
	previous := map[string]xccv1.GatewayStatus{}
	for _, gateway := range before.Status.Gateways {
		previous[gateway.Cluster] = gateway
	}
	for _, gateway := range after.Status.Gateways {
		last := previous[gateway.Cluster]
		begins := last.State == "" && gateway.State == xccv1.GatewayUnknown
		if begins || !gatewayChanged(&last, &gateway) {
			continue
		}
		eventType := corev1.EventTypeNormal
		if !gateway.State.Current() && gateway.State != xccv1.GatewayUnknown {
			eventType = corev1.EventTypeWarning
		}
		r.Recorder.Eventf(after, nil, eventType, string(gateway.State), "ResolveGateway", "%s", transitionNote(&last, &gateway))
	}
	r.recordSharedName(before, after)
}

// recordSharedName emits an event if the condition of the shared name has another reason than before.
func (r *Reconciler) recordSharedName(before, after *xccv1.GatewayDNS) {
	last, current := conditions.Get(before, xccv1.SharedNamePublishedCondition), conditions.Get(after, xccv1.SharedNamePublishedCondition)
	if current == nil || last != nil && last.Reason == current.Reason {
		return
	}
	eventType, note := corev1.EventTypeWarning, current.Message
	if current.Status == metav1.ConditionTrue {
		eventType, note = corev1.EventTypeNormal, fmt.Sprintf("Name %s is published", after.Status.SharedHostname)
	}
	r.Recorder.Eventf(after, nil, eventType, current.Reason, "PublishSharedName", "%s", text.Line(note, maxNote))
}

// maxNote is how long a note may be: the API server refuses one of more than 1024 characters. maxList is where a list of
// addresses in it is cut off, so that there is room for the others and the message.
const maxNote, maxList = 1000, 160

// transitionNote says what became of a gateway: which addresses came and went, and if there are few, which it has and had.
func transitionNote(before, after *xccv1.GatewayStatus) string {
	note := fmt.Sprintf("Gateway of Cluster %s: %s", after.Cluster, after.State)
	if added := without(after.Addresses, before.Addresses); len(added) > 0 {
		note += ", added " + listOf(added)
	}
	if removed := without(before.Addresses, after.Addresses); len(removed) > 0 {
		note += ", removed " + listOf(removed)
	}
	addresses := fmt.Sprintf("addresses %v (before: %v)", after.Addresses, before.Addresses)
	if len(addresses) > 2*maxList {
		addresses = fmt.Sprintf("%d addresses (before: %d)", len(after.Addresses), len(before.Addresses))
	}
	return text.Line(note+", "+addresses+". "+after.Message, maxNote)
}

// without returns the addresses that are not among the others.
func without(addresses, others []string) []string {
	return slices.DeleteFunc(slices.Clone(addresses), func(address string) bool { return slices.Contains(others, address) })
}

// listOf returns the first few of the addresses, and how many there are besides.
func listOf(addresses []string) string {
	length := 0
	for i, address := range addresses {
		if length += len(address) + 1; length > maxList && i > 0 {
			return fmt.Sprintf("[%s and %d more]", strings.Join(addresses[:i], " "), len(addresses)-i)
		}
	}
	return fmt.Sprint(addresses)
}
