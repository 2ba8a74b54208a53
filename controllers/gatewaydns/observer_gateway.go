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
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// lookAtGateway reads a Gateway. Whether its kind is installed is asked for first, because a watch on a kind that is not
// would fail for ever.
func lookAtGateway(reading *workload.Reading, target resolve.Target) (resolve.Objects, error) {
	served, err := servedVersions(reading, workload.GatewaysCustomResource)
	if err != nil {
		return resolve.Objects{}, err
	}
	if !slices.Contains(served, workload.GatewaysVersion) {
		return resolve.Objects{GatewayVersions: served}, nil
	}
	gateways, err := workload.List[*unstructured.Unstructured](reading, workload.Demand{
		Kind: workload.Gateways, Namespace: target.Namespace, Name: target.Name,
	})
	if err != nil {
		return resolve.Objects{}, named("Gateways", err)
	}
	objects := resolve.Objects{GatewayAPI: true}
	if len(gateways) == 0 {
		return objects, nil
	}
	objects.Gateway = gateways[0]
	var ofServices, ofListeners error
	objects.GatewayServices, ofServices = gatewayServices(reading, target, objects.Gateway)
	objects.ListenerSets, ofListeners = listenerSets(reading, target, objects.Gateway)
	return objects, errors.Join(ofServices, ofListeners)
}

// servedVersions returns the versions in which a cluster serves a kind, none if it has not installed it.
func servedVersions(reading *workload.Reading, customResource string) ([]string, error) {
	definitions, err := workload.List[*unstructured.Unstructured](reading, workload.Demand{
		Kind: workload.CustomResourceDefinitions, Name: customResource,
	})
	if err != nil {
		return nil, named("CustomResourceDefinitions", err)
	}
	var served []string
	for _, definition := range definitions {
		served = append(served, workload.ServedVersions(definition)...)
	}
	return served, nil
}

// listenerSets reads the ListenerSets that may add listeners to a Gateway, if it allows any and the cluster serves them.
func listenerSets(reading *workload.Reading, target resolve.Target, gateway *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	namespace, allowed := resolve.ListenerSetsOf(target, gateway)
	if !allowed {
		return nil, nil
	}
	served, err := servedVersions(reading, workload.ListenerSetsCustomResource)
	if err != nil || !slices.Contains(served, workload.GatewaysVersion) {
		return nil, err
	}
	found, err := workload.List[*unstructured.Unstructured](reading, workload.Demand{Kind: workload.ListenerSets, Namespace: namespace})
	return found, named("ListenerSets", err)
}

// gatewayServices reads the Services that lead to a Gateway, whose ClusterIPs are no addresses, if it has an address that may
// be one.
func gatewayServices(reading *workload.Reading, target resolve.Target, gateway *unstructured.Unstructured) ([]*corev1.Service, error) {
	var found []*corev1.Service
	var errs []error
	for _, selector := range resolve.GatewayServices(target, gateway) {
		services, err := workload.List[*corev1.Service](reading, workload.Demand{
			Kind: workload.Services, Namespace: selector.Namespace, Labels: selector.Labels.String(),
		})
		found = append(found, services...)
		errs = append(errs, named("Services", err))
	}
	return found, errors.Join(errs...)
}
