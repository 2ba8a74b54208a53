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

package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// listeners collects the ports of listeners. Listeners with the same name and protocol would be one
// SRV record, so only the first one counts.
type listeners struct {
	ports []xccv1.GatewayPort
	// numbers are the ports by name and protocol.
	numbers map[string]int32
	// refused are the ports that are left out, each with the reason. It has at most fit.MaxPorts
	// entries.
	refused []string
}

func (l *listeners) refuse(format string, args ...any) {
	if len(l.refused) < fit.MaxPorts {
		l.refused = append(l.refused, fmt.Sprintf(format, args...))
	}
}

// listenersOf returns the listeners of a Gateway and then those of its ListenerSets, the oldest
// first. This is the precedence in the Gateway API. So the ListenerSet of another team cannot
// override a listener of the Gateway.
func listenersOf(target Target, objects Objects) listeners {
	found := listeners{numbers: map[string]int32{}}
	found.add("", objects.Gateway)
	type created struct {
		at   time.Time
		name string
		set  *unstructured.Unstructured
	}
	var attached []created
	for _, set := range objects.ListenerSets {
		if isAttached(set, target) {
			attached = append(attached, created{set.GetCreationTimestamp().Time, set.GetNamespace() + "/" + set.GetName(), set})
		}
	}
	slices.SortFunc(attached, func(a, b created) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	for _, next := range attached {
		if len(found.ports) >= fit.MaxPorts {
			found.refuse("ListenerSets beyond %d ports", fit.MaxPorts)
			break
		}
		found.add(" of ListenerSet "+fit.Quoted(next.name), next.set)
	}
	return found
}

// add adds the listeners of a Gateway or a ListenerSet. Messages append the suffix to a listener's
// name. All protocols but UDP use TCP.
func (l *listeners) add(suffix string, object *unstructured.Unstructured) {
	refusals := listenerRefusals(object)
	for _, listener := range objectsAt(object, "spec", "listeners") {
		name := textAt(listener, "name")
		number, ok := listenerPort(listener)
		protocol := corev1.ProtocolTCP
		if textAt(listener, "protocol") == "UDP" {
			protocol = corev1.ProtocolUDP
		}
		key := strings.ToLower(name) + "/" + string(protocol)
		known, isKnown := l.numbers[key]
		switch {
		case !ok:
			l.refuse("the port of listener %s%s is not within 1 to 65535", fit.Quoted(name), suffix)
		case refusals[name] != "":
			l.refuse("port %d of listener %s%s, which %s", number, fit.Quoted(name), suffix, refusals[name])
		case isKnown && known != number:
			l.refuse("port %d of listener %s%s, because another listener of this name has port %d", number, fit.Quoted(name), suffix, known)
		case isKnown:
		default:
			l.numbers[key] = number
			l.ports = append(l.ports, xccv1.GatewayPort{Name: name, Protocol: string(protocol), Port: number})
		}
	}
}

// listenerPort returns the port of a listener, or false if it is invalid.
func listenerPort(listener map[string]any) (int32, bool) {
	number, ok := listener["port"].(int64)
	if !ok || number < 1 || number > 65535 {
		return 0, false
	}
	return int32(number), true
}

// listenerRefusals returns the listeners for which the Gateway's controller opens no port, each
// with the reason. By the Gateway API, these are listeners that are conflicted or not accepted.
func listenerRefusals(object *unstructured.Unstructured) map[string]string {
	refusals := map[string]string{}
	for _, listener := range objectsAt(object, "status", "listeners") {
		for _, condition := range objectsIn(listener["conditions"]) {
			reason := fit.Quoted(textAt(condition, "reason"))
			switch textAt(condition, "type") + "=" + textAt(condition, "status") {
			case "Accepted=False":
				refusals[textAt(listener, "name")] = "is not accepted (" + reason + ")"
			case "Conflicted=True":
				refusals[textAt(listener, "name")] = "is conflicted (" + reason + ")"
			}
		}
	}
	return refusals
}

// ListenerSetsOf returns the namespace of the ListenerSets that a Gateway allows, or "" for all
// namespaces. It returns false if the Gateway allows none, which is the default. A namespace
// selector is not evaluated: the Gateway's controller accepts only ListenerSets that match.
func ListenerSetsOf(target Target, gateway *unstructured.Unstructured) (namespace string, allowed bool) {
	from, _, _ := unstructured.NestedString(gateway.Object, "spec", "allowedListeners", "namespaces", "from")
	switch from {
	case "Same":
		return target.Namespace, true
	case "All", "Selector":
		return "", true
	}
	return "", false
}

// isAttached returns whether a ListenerSet refers to the Gateway, is accepted, and is not being
// deleted.
func isAttached(set *unstructured.Unstructured, target Target) bool {
	found, _, _ := unstructured.NestedFieldNoCopy(set.Object, "spec", "parentRef")
	parent, _ := found.(map[string]any)
	refers := cmp.Or(textAt(parent, "group"), "gateway.networking.k8s.io") == "gateway.networking.k8s.io" &&
		cmp.Or(textAt(parent, "kind"), "Gateway") == "Gateway" &&
		cmp.Or(textAt(parent, "namespace"), set.GetNamespace()) == target.Namespace && textAt(parent, "name") == target.Name
	return refers && set.GetDeletionTimestamp() == nil &&
		slices.ContainsFunc(objectsAt(set, "status", "conditions"), func(condition map[string]any) bool {
			return textAt(condition, "type") == "Accepted" && textAt(condition, "status") == "True"
		})
}
