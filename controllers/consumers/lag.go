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

package consumers

import (
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// lag is what status.consumers says of one cluster.
type lag struct {
	// absent says that the cluster does not consume.
	absent bool
	// reason is empty if the cluster holds what the GatewayDNS publishes.
	reason  xccv1.LagReason
	message string
}

// isTrouble returns whether the cluster itself brought the lag about. Records that are about to be written are no doing of
// the cluster that gets them.
func (l lag) isTrouble() bool { return l.absent || l.reason != "" && l.reason != xccv1.LagPending }

// pair is a cluster and a GatewayDNS.
type pair struct {
	cluster    string
	gatewayDNS client.ObjectKey
}

// bucket is the key of the pair's tokens. A slash is in no name.
func (p pair) bucket() types.NamespacedName {
	return types.NamespacedName{Namespace: p.gatewayDNS.Namespace, Name: p.cluster + "/" + p.gatewayDNS.Name}
}

// pace returns the lag to show. A cluster that is in another trouble all the time, or out of trouble and in again, would
// otherwise cause a write each time. Without a token it is shown as it was, for no longer than pacing.Refill. An end of
// trouble needs no token.
func (l *Ledger) pace(book *book, of pair, current lag, later *later) lag {
	former, known := book.shown[of]
	if known && current != former && current.isTrouble() {
		if delay := l.tokens.Take(of.bucket(), later.now); delay.For > 0 {
			later.until(later.now.Add(delay.For))
			return former
		}
	}
	book.shown[of] = current
	return current
}
