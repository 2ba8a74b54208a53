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
	"crypto/sha256"
	"encoding/json"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Fingerprint identifies the published content of a GatewayDNS: two are equal if and only if names,
// addresses, ports, parts in the shared name and health checks are equal.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the Fingerprint of a GatewayDNS.
func FingerprintOf(gatewayDNS *xccv1.GatewayDNS) Fingerprint {
	type gateway struct {
		Hostname  string
		Addresses []string
		Ports     []xccv1.GatewayPort
		Shared    *xccv1.GatewayShare `json:",omitempty"`
	}
	content := struct {
		Gateways       []gateway
		SharedHostname string
		Localities     *xccv1.SharedLocality
		HealthCheck    *xccv1.HealthCheck
	}{SharedHostname: gatewayDNS.Status.SharedHostname, HealthCheck: gatewayDNS.Spec.HealthCheck}
	if gatewayDNS.Spec.Shared != nil {
		content.Localities = gatewayDNS.Spec.Shared.Locality
	}
	for i := range gatewayDNS.Status.Gateways {
		if status := &gatewayDNS.Status.Gateways[i]; !status.State.KnownEmpty() && len(status.Addresses) > 0 {
			content.Gateways = append(content.Gateways, gateway{status.Hostname, status.Addresses, status.Ports, status.Shared})
		}
	}
	text, err := json.Marshal(content)
	if err != nil {
		return Fingerprint{} // Strings and numbers always marshal.
	}
	return sha256.Sum256(text)
}
