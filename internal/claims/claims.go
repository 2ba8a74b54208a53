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
	"encoding/json"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Claims are since when a GatewayDNS claims each of its names.
type Claims map[string]time.Time

// Name is how a claim calls the gateway of a Cluster: "<subdomain>.<cluster>".
func Name(subdomain, cluster string) string {
	return subdomain + "." + cluster
}

// Of returns what the annotation of a GatewayDNS says. What it says wrongly is left out.
func Of(gatewayDNS *xccv1.GatewayDNS) Claims {
	var times map[string]string
	_ = json.Unmarshal([]byte(gatewayDNS.Annotations[xccv1.ClaimsAnnotation]), &times)
	claims := Claims{}
	for name, text := range times {
		if since, err := time.Parse(time.RFC3339Nano, text); err == nil {
			claims[name] = since
		}
	}
	return claims
}

// String returns the claims as the annotation holds them, and "" when there are none.
func (c Claims) String() string {
	if len(c) == 0 {
		return ""
	}
	times := map[string]string{}
	for name, since := range c {
		times[name] = since.UTC().Format(time.RFC3339Nano)
	}
	text, err := json.Marshal(times)
	if err != nil {
		return "" // Strings always marshal.
	}
	return string(text)
}

// Meet returns whether there is a name that both claim.
func (c Claims) Meet(others Claims) bool {
	for name := range c {
		if _, ok := others[name]; ok {
			return true
		}
	}
	return false
}

// Renew returns what a GatewayDNS claims from now on, given all Clusters of its namespace: the claims that have not ended,
// and a new one for each Cluster that it selects and did not claim. A name that it has published before there were claims
// counts since it was created.
func Renew(gatewayDNS *xccv1.GatewayDNS, clusters []clusterv1.Cluster, now time.Time) Claims {
	claims := live(gatewayDNS, clusters)
	selector, err := metav1.LabelSelectorAsSelector(&gatewayDNS.Spec.ClusterSelector)
	if err != nil {
		return claims
	}
	for i := range clusters {
		name := Name(gatewayDNS.Subdomain(), clusters[i].Name)
		if _, ok := claims[name]; ok || !selects(selector, &clusters[i]) {
			continue
		}
		claims[name] = now
		if published(gatewayDNS, &clusters[i]) {
			claims[name] = gatewayDNS.CreationTimestamp.Time
		}
	}
	return claims
}

// Holder is who has a name.
type Holder struct {
	// GatewayDNS is the name of the GatewayDNS.
	GatewayDNS string
	// Since is when its claim began.
	Since time.Time
}

// Holders returns who has each name of a subdomain that is claimed, given all GatewayDNS and all Clusters of a namespace.
func Holders(subdomain string, all []xccv1.GatewayDNS, clusters []clusterv1.Cluster) map[string]Holder {
	holders := map[string]Holder{}
	for i := range all {
		if all[i].Subdomain() != subdomain && !annotations.HasPaused(&all[i]) {
			continue // Whatever it claimed of this subdomain has ended.
		}
		for name, since := range live(&all[i], clusters) {
			claim := Holder{GatewayDNS: all[i].Name, Since: since}
			if first, ok := holders[name]; !ok || claim.before(first) {
				holders[name] = claim
			}
		}
	}
	return holders
}

func (h Holder) before(other Holder) bool {
	if h.Since.Equal(other.Since) {
		return h.GatewayDNS < other.GatewayDNS
	}
	return h.Since.Before(other.Since)
}

// live returns the claims of a GatewayDNS that have not ended. One that is paused keeps what it has, like its records.
func live(gatewayDNS *xccv1.GatewayDNS, clusters []clusterv1.Cluster) Claims {
	claims := Of(gatewayDNS)
	switch {
	case !gatewayDNS.DeletionTimestamp.IsZero():
		return Claims{}
	case annotations.HasPaused(gatewayDNS):
		return claims
	}
	prefix := Name(gatewayDNS.Subdomain(), "")
	for name := range claims {
		if !strings.HasPrefix(name, prefix) {
			delete(claims, name)
		}
	}
	selector, err := metav1.LabelSelectorAsSelector(&gatewayDNS.Spec.ClusterSelector)
	if err != nil {
		return claims // It is not known what is selected.
	}
	for i := range clusters {
		if !selects(selector, &clusters[i]) {
			delete(claims, prefix+clusters[i].Name)
		}
	}
	return claims
}

func selects(selector labels.Selector, cluster *clusterv1.Cluster) bool {
	return cluster.DeletionTimestamp.IsZero() && selector.Matches(labels.Set(cluster.Labels))
}

// published returns whether the status of a GatewayDNS says that it has the name of a Cluster.
func published(gatewayDNS *xccv1.GatewayDNS, cluster *clusterv1.Cluster) bool {
	for _, gateway := range gatewayDNS.Status.Gateways {
		if gateway.Cluster == cluster.Name {
			name := "*." + Name(gatewayDNS.Subdomain(), cluster.Name) + "."
			return gateway.State != xccv1.GatewayConflicted && strings.HasPrefix(gateway.Hostname, name)
		}
	}
	return false
}
