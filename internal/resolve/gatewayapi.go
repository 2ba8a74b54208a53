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
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// gatewayAPI returns the addresses in the status of a Gateway, and the ports of its listeners and
// ListenerSets.
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
			// Some controllers confuse the two types. The value alone is unambiguous.
			found.addAny(value)
		default:
			found.refused = append(found.refused, fmt.Sprintf("%s is of type %s, not IPAddress or Hostname", fit.Quoted(value), fit.Quoted(addressType)))
		}
	}
	found.prefer()
	listeners := listenersOf(target, objects)
	if len(listeners.refused) > 0 {
		found.remarks = append(found.remarks, "Left out: "+text.List(listeners.refused, ", "))
	}
	return found.publish(target, "status.addresses", listeners.ports,
		noAddress("%s has no address in its status yet: %s", target, whyNotProgrammed(objects.Gateway)))
}

// ServiceSelector selects Services by their labels, in one namespace, or in all if Namespace is
// empty.
type ServiceSelector struct {
	Namespace string
	Labels    labels.Set
}

// GatewayServices returns the selectors of a Gateway's Services. It returns nil if no address of
// the Gateway can be a ClusterIP. By GEP-1762 ("In Cluster Gateway Deployments"), the Services are
// in the Gateway's namespace and labelled with its name.
//
// Those of Envoy Gateway are in its own namespace and labelled with the Gateway, or with the class
// if its Gateways share a Service. Names that are too long for a label are skipped, because each
// controller shortens them differently.
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

// whyNotProgrammed returns the message of the first condition that is not true, or advice if there
// is none.
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

// objectsAt returns the objects in a list. It skips items of other types.
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
