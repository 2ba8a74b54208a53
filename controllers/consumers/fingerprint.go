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
	"slices"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Fingerprint stands for what a GatewayDNS publishes: two are equal if and only if the same names, addresses and ports are.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the Fingerprint of what a GatewayDNS publishes.
func FingerprintOf(gateways []xccv1.GatewayStatus) Fingerprint {
	type published struct {
		Hostname  string
		Addresses []string
		Ports     []xccv1.GatewayPort
	}
	all := []published{}
	for i := range gateways {
		if gateway := &gateways[i]; !gateway.State.KnownEmpty() && len(gateway.Addresses) > 0 {
			all = append(all, published{gateway.Hostname, slices.Clip(gateway.Addresses), gateway.Ports})
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return Fingerprint{} // Strings and numbers always marshal.
	}
	return sha256.Sum256(text)
}
