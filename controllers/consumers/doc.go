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

// Package consumers knows in which clusters the records of each GatewayDNS are current, and says so in its status.
//
// controllers/records tells the Ledger, after each reconcile of a consuming cluster, what the cluster holds or why it could
// not be brought up to date; controllers/gatewaydns tells it when the gateways of a GatewayDNS change. From both the Ledger
// knows which clusters lag, and how long each change took until each of them held it.
//
// The Reconciler writes status.consumers and the condition ConsumersCurrent, under a field owner of its own, once the
// consumers have settled and at most once per second for each GatewayDNS. Nothing is woken by that write, and nothing is
// written when nothing has changed, be it after a restart: what a cluster holds is found out anew, never remembered, so
// that a cluster that cannot be asked lags, whatever it held.
package consumers
