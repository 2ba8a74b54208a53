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
	"reflect"
	"slices"
	"time"

	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// admit returns 0 if an Observation may replace the one before, and otherwise after what time to observe the cluster again. An
// Observation that replaces another is a write of each GatewayDNS that selects the cluster, and of each consuming cluster. So
// a cluster that changes all the time is held back here, where nothing else is: what the status says of it stays as it was,
// and what it says of other clusters is written at once. Changes that follow each other within the interval are one write of each
// GatewayDNS, and take one token.
func (r *Observer) admit(ctx context.Context, cluster *clusterv1.Cluster, next Observation) time.Duration {
	previous, known := r.Observations.Get(cluster)
	if !known || reflect.DeepEqual(previous, next) {
		return 0
	}
	take := r.pace.Take
	if withdraws(previous, next) {
		take = r.pace.TakeWithdrawal
	}
	delay := take(client.ObjectKeyFromObject(cluster), time.Now())
	if delay.Begins {
		ctrl.LoggerFrom(ctx).Info("Delaying what is published of the cluster's gateways, because they change too often", "delay", delay.For)
	}
	return delay.For
}

// withdraws returns whether a gateway loses an address or all of them. What is not known withdraws nothing.
func withdraws(previous, next Observation) bool {
	if next.Unknown != "" {
		return false
	}
	for target, result := range next.Results {
		if !result.State.Current() && !result.State.KnownEmpty() {
			continue
		}
		former := previous.of(target)
		if result.State.KnownEmpty() && !former.State.KnownEmpty() {
			return true // What is published may be from before the cluster was unknown.
		}
		for _, address := range former.Addresses {
			if !slices.Contains(result.Addresses, address) {
				return true
			}
		}
	}
	return false
}
