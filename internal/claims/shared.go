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

package claims

import (
	"strings"
	"time"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// maxSharedBytes bounds the annotation of the shared name. The manager writes one claim, which has
// at most 105 bytes.
const maxSharedBytes = 256

// sharedRecord returns the claim in the annotation of the shared name. If the annotation is missing,
// it restores the claim from the status, with the creation time.
func sharedRecord(gatewayDNS *xccv1.GatewayDNS) record {
	text, written := gatewayDNS.Annotations[xccv1.SharedClaimAnnotation]
	switch {
	case len(text) > maxSharedBytes:
		return record{malformed: true, written: true}
	case written:
		claims, malformed := Parse(text)
		return record{claims: claims, malformed: malformed, written: true}
	}
	if shared := gatewayDNS.Spec.Shared; shared != nil && strings.HasPrefix(gatewayDNS.Status.SharedHostname, "*."+shared.Name+".") {
		return record{claims: Claims{shared.Name: gatewayDNS.CreationTimestamp.Time}}
	}
	return record{}
}

// renewShared returns the desired claim of the shared name.
func (n *Namespace) renewShared(own *claimant, now time.Time) Claims {
	if own.Spec.Shared == nil {
		return nil
	}
	name := own.Spec.Shared.Name
	if since, ok := n.since(own, name); ok {
		return Claims{name: since}
	}
	if !n.wants(own, name) {
		return nil
	}
	if since, ok := n.start(own, name, now); ok {
		return Claims{name: since}
	}
	return nil
}
