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
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// gatewayAPI takes the addresses in the status of a Gateway. The ports are those of its listeners and of its ListenerSets.
func gatewayAPI(target Target, objects Objects, found *addresses) Result {
	switch {
	case !objects.GatewayAPI && len(objects.GatewayVersions) > 0:
		return Result{
			State: xccv1.GatewayGatewayAPINotInstalled,
			Message: fmt.Sprintf("Cluster serves Gateways of gateway.networking.k8s.io only in version %s, and v1 is needed: install the Gateway API "+
				"v1.0 or newer, or name a Service in spec.service", strings.Join(objects.GatewayVersions, ", ")),
		}
	case !objects.GatewayAPI:
		return Result{
			State: xccv1.GatewayGatewayAPINotInstalled,
			Message: "Cluster has not installed the Gateway API: install its CustomResourceDefinition gateways.gateway.networking.k8s.io, " +
				"or name a Service in spec.service",
		}
	case objects.Gateway == nil:
		return Result{
			State:   xccv1.GatewayGatewayNotFound,
			Message: fmt.Sprintf("Cluster has no %s: create it or correct spec.gateway", target),
		}
	case objects.Gateway.GetDeletionTimestamp() != nil:
		return Result{State: xccv1.GatewayGatewayNotFound, Message: beingDeleted(target)}
	}
	for _, address := range objectsAt(objects.Gateway, "status", "addresses") {
		value := textAt(address, "value")
		switch addressType := textAt(address, "type"); addressType {
		case "IPAddress", "Hostname", "":
			// Controllers mix the two up, and a value of one kind is never one of the other.
			found.addAny(value)
		default:
			found.refused = append(found.refused, fmt.Sprintf("%s is of type %s, not IPAddress or Hostname", fit.Quoted(value), fit.Quoted(addressType)))
		}
	}
	found.prefer()
	listeners := listenersOf(target, objects)
	if len(listeners.refused) > 0 {
		found.remarks = append(found.remarks, "Left out: "+firstOf(listeners.refused))
	}
	return found.publish(target, "status.addresses", listeners.ports,
		noAddress("%s has no address in its status yet: %s", target, whyNotProgrammed(objects.Gateway)))
}

// ServiceSelector selects Services by their labels, in one namespace or in all.
type ServiceSelector struct {
	Namespace string
	Labels    labels.Set
}

// GatewayServices returns which Services lead to a Gateway, if one of its addresses may be a ClusterIP: those that its controller
// labels with its name in its own namespace (GEP-1762, "In Cluster Gateway Deployments"), and those of Envoy Gateway, which are in
// the namespace of that and labelled with the Gateway, or with its class if the Gateways of the class share a Service. A name that
// is too long for a label's value is shortened by each controller in its own way.
func GatewayServices(target Target, gateway *unstructured.Unstructured) []ServiceSelector {
	mayBeClusterIP := slices.ContainsFunc(objectsAt(gateway, "status", "addresses"), func(address map[string]any) bool {
		_, err := netip.ParseAddr(textAt(address, "value"))
		return err == nil
	})
	if !mayBeClusterIP {
		return nil
	}
	var selectors []ServiceSelector
	if isLabelValue(target.Name) {
		selectors = append(selectors,
			ServiceSelector{Namespace: target.Namespace, Labels: labels.Set{"gateway.networking.k8s.io/gateway-name": target.Name}},
			ServiceSelector{Labels: labels.Set{
				"gateway.envoyproxy.io/owning-gateway-name": target.Name, "gateway.envoyproxy.io/owning-gateway-namespace": target.Namespace,
			}},
		)
	}
	if class, _, _ := unstructured.NestedString(gateway.Object, "spec", "gatewayClassName"); class != "" && isLabelValue(class) {
		selectors = append(selectors, ServiceSelector{Labels: labels.Set{"gateway.envoyproxy.io/owning-gatewayclass": class}})
	}
	return selectors
}

func isLabelValue(text string) bool { return len(validation.IsValidLabelValue(text)) == 0 }

// whyNotProgrammed returns what the Gateway's controller says.
func whyNotProgrammed(gateway *unstructured.Unstructured) string {
	for _, wanted := range []string{"Accepted", "Programmed"} {
		for _, condition := range objectsAt(gateway, "status", "conditions") {
			if textAt(condition, "type") == wanted && textAt(condition, "status") != "True" && textAt(condition, "message") != "" {
				return fmt.Sprintf("its condition %s says %q", wanted, fit.Message(textAt(condition, "message")))
			}
		}
	}
	return "check that the controller of its GatewayClass runs"
}

// objectsAt returns the objects of a list; what is not an object is left out.
func objectsAt(object *unstructured.Unstructured, path ...string) []map[string]any {
	found, _, _ := unstructured.NestedFieldNoCopy(object.Object, path...)
	return objectsIn(found)
}

func objectsIn(value any) []map[string]any {
	list, _ := value.([]any)
	var objects []map[string]any
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			objects = append(objects, object)
		}
	}
	return objects
}

func textAt(object map[string]any, name string) string {
	text, _ := object[name].(string)
	return text
}
