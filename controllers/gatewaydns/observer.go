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
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// errServices is about the Services that GatewayDNS name.
var errServices = errors.New("Cluster is connected but has not listed its Services yet: check that its API server answers") //nolint:staticcheck // It is a message of a status.

// observe looks at the gateways that the GatewayDNS ask for. It never waits for the cluster.
func (r *Observer) observe(ctx context.Context, object *clusterv1.Cluster, interested []xccv1.GatewayDNS) (Observation, error) {
	reading, err := r.Workload.Begin(ctx, object)
	if silence, isSilent := errors.AsType[*workload.Silence](err); isSilent {
		return silentObservation(silence, r.Workload.LastAnswer(ctx, object)), nil
	} else if err != nil {
		return Observation{}, err
	}
	services := newServices(reading, interested)
	network := resolve.NetworkOf(r.Zone, object.Spec.ClusterNetwork)
	if annotation, ok := object.Annotations[xccv1.GatewayAddressRangesAnnotation]; ok {
		network = network.WithRanges(annotation)
	}
	observation := Observation{Answered: true, Results: map[resolve.Target]resolve.Result{}}
	for i := range interested {
		target := resolve.TargetOf(&interested[i].Spec)
		if _, done := observation.Results[target]; done {
			continue
		}
		result, err := look(services, reading, target, network) //nolint:contextcheck // What is watched outlives this reconcile.
		if err != nil {
			// Whatever is watched goes on being watched.
			return Observation{}, err
		}
		observation.Results[target] = result
	}
	reading.End()
	return observation, nil
}

// look returns what is known of one gateway.
func look(services services, reading *workload.Reading, target resolve.Target, network resolve.Network) (resolve.Result, error) {
	var objects resolve.Objects
	var err error
	if target.Gateway {
		objects, err = lookAtGateway(reading, target)
	} else {
		objects, err = lookAtService(services, reading, target)
	}
	switch {
	case errors.Is(err, errServices) && errors.Is(err, workload.ErrNotSynced):
		return resolve.Result{State: xccv1.GatewayUnknown, Message: err.Error()}, nil
	case errors.Is(err, workload.ErrNotSynced):
		return resolve.Result{
			State:   xccv1.GatewayUnknown,
			Message: fit.Message(fmt.Sprintf("Cluster has not listed yet what decides the addresses of %s: %v", target, err)),
		}, nil
	case err != nil:
		return resolve.Result{}, err
	}
	return resolve.Gateway(target, objects, network), nil
}

// lookAtService reads a Service and what else its addresses depend on. It asks for all of that at once, so that it is listed
// side by side.
func lookAtService(services services, reading *workload.Reading, target resolve.Target) (resolve.Objects, error) {
	service, err := services.get(target)
	if err != nil {
		return resolve.Objects{}, fmt.Errorf("%w: %w", errServices, err)
	} else if service == nil {
		return resolve.Objects{}, nil
	}
	objects := resolve.Objects{Service: service}
	need := resolve.Needs(target, service)
	var errs []error
	if need.Nodes {
		objects.Nodes, err = workload.List[*corev1.Node](reading, workload.Demand{Kind: workload.Nodes})
		errs = append(errs, named("Nodes", err))
	}
	if need.Slices {
		objects.Slices, err = workload.List[*discoveryv1.EndpointSlice](reading, workload.Demand{
			Kind: workload.EndpointSlices, Namespace: target.Namespace, Labels: labels.Set{discoveryv1.LabelServiceName: target.Name}.String(),
		})
		errs = append(errs, named("EndpointSlices", err))
	}
	if need.Pods {
		objects.Pods, err = workload.List[*corev1.Pod](reading, workload.Demand{
			Kind: workload.Pods, Namespace: target.Namespace, Labels: labels.Set(service.Spec.Selector).String(),
		})
		errs = append(errs, named("Pods", err))
	}
	if need.Version {
		objects.Version, err = reading.KubernetesVersion()
		errs = append(errs, named("version of the API server", err))
	}
	return objects, errors.Join(errs...)
}

// named puts before an error which kind it is about.
func named(kind string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", kind, err)
}

// silentObservation returns the Observation of a cluster that cannot be read. lastAnswer is when it last answered, zero if it
// never did.
func silentObservation(silence *workload.Silence, lastAnswer time.Time) Observation {
	observation := Observation{Unknown: fit.Message(silence.Why), SilentSince: silence.Since, Answered: !lastAnswer.IsZero()}
	switch {
	case errors.Is(silence, workload.ErrFormerCluster):
		observation.Answered = false // The answer was the former Cluster's.
	case silence.IsRefused:
	case lastAnswer.IsZero():
		observation.UnreachableSince = silence.Since
	default:
		observation.UnreachableSince = lastAnswer
	}
	return observation
}
