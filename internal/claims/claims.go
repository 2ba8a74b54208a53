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

// Renew returns what a GatewayDNS claims from now on, given all GatewayDNS and all Clusters of its namespace: the claims that
// have not ended, and a new one for each Cluster that it selects and did not claim. A new claim is later than those of others
// that are there, whatever the clock of this machine says. One of a GatewayDNS that never claimed anything, of a name that nobody
// claims, counts since it was created; a name that another such GatewayDNS is to have is left until that one has claimed it.
func Renew(gatewayDNS *xccv1.GatewayDNS, all []xccv1.GatewayDNS, clusters []clusterv1.Cluster, now time.Time) Claims {
	claims := live(gatewayDNS, clusters)
	holders := Holders(gatewayDNS.Subdomain(), all, clusters)
	latest := latestOfOthers(gatewayDNS, all, clusters)
	for _, name := range wanted(gatewayDNS, clusters) {
		if _, ok := claims[name]; ok {
			continue
		}
		holder, held := holders[name]
		switch {
		case held && holder.unwritten && holder.GatewayDNS != gatewayDNS.Name:
		case held && holder.unwritten:
			claims[name] = holder.Since
		case latest[name].Before(now):
			claims[name] = now
		default:
			claims[name] = latest[name].Add(time.Nanosecond)
		}
	}
	return claims
}

// latestOfOthers returns when others claimed each name last.
func latestOfOthers(gatewayDNS *xccv1.GatewayDNS, all []xccv1.GatewayDNS, clusters []clusterv1.Cluster) Claims {
	latest := Claims{}
	for i := range all {
		if all[i].Name == gatewayDNS.Name {
			continue
		}
		for name, since := range live(&all[i], clusters) {
			if since.After(latest[name]) {
				latest[name] = since
			}
		}
	}
	return latest
}

// Holder is who has a name.
type Holder struct {
	// GatewayDNS is the name of the GatewayDNS.
	GatewayDNS string
	// Since is when its claim began.
	Since time.Time

	// unwritten is true for one that is about to claim its first names.
	unwritten bool
}

// Holders returns who has each name of a subdomain that is claimed, given all GatewayDNS and all Clusters of a namespace. A
// GatewayDNS that never claimed anything has the names it asks for, if nobody has claimed them: the one that was created first,
// so that it is not the order in which they are looked at that decides between several.
func Holders(subdomain string, all []xccv1.GatewayDNS, clusters []clusterv1.Cluster) map[string]Holder {
	holders := map[string]Holder{}
	add := func(name string, claim Holder) {
		if first, ok := holders[name]; !ok || claim.before(first) {
			holders[name] = claim
		}
	}
	for i := range all {
		gatewayDNS := &all[i]
		if gatewayDNS.Subdomain() != subdomain && !annotations.HasPaused(gatewayDNS) {
			continue // Whatever it claimed of this subdomain has ended.
		}
		for name, since := range live(gatewayDNS, clusters) {
			add(name, Holder{GatewayDNS: gatewayDNS.Name, Since: since})
		}
		if hasClaimed(gatewayDNS) || annotations.HasPaused(gatewayDNS) {
			continue
		}
		for _, name := range wanted(gatewayDNS, clusters) {
			add(name, Holder{GatewayDNS: gatewayDNS.Name, Since: gatewayDNS.CreationTimestamp.Time, unwritten: true})
		}
	}
	return holders
}

func (h Holder) before(other Holder) bool {
	switch {
	case h.unwritten != other.unwritten:
		return other.unwritten
	case h.Since.Equal(other.Since):
		return h.GatewayDNS < other.GatewayDNS
	}
	return h.Since.Before(other.Since)
}

// hasClaimed returns whether a GatewayDNS ever claimed a name: the annotation stays when all claims have ended.
func hasClaimed(gatewayDNS *xccv1.GatewayDNS) bool {
	_, ok := gatewayDNS.Annotations[xccv1.ClaimsAnnotation]
	return ok
}

// wanted returns the names that a GatewayDNS asks for.
func wanted(gatewayDNS *xccv1.GatewayDNS, clusters []clusterv1.Cluster) []string {
	selector, err := metav1.LabelSelectorAsSelector(&gatewayDNS.Spec.ClusterSelector)
	if err != nil || !gatewayDNS.DeletionTimestamp.IsZero() {
		return nil
	}
	var names []string
	for i := range clusters {
		if selects(selector, &clusters[i]) {
			names = append(names, Name(gatewayDNS.Subdomain(), clusters[i].Name))
		}
	}
	return names
}

// live returns the claims of a GatewayDNS that have not ended. One that is paused keeps what it has, like its records. One that
// lost its annotation has claimed, since it was created, what its status says it has.
func live(gatewayDNS *xccv1.GatewayDNS, clusters []clusterv1.Cluster) Claims {
	claims := Of(gatewayDNS)
	for i := range clusters {
		if !hasClaimed(gatewayDNS) && published(gatewayDNS, &clusters[i]) {
			claims[Name(gatewayDNS.Subdomain(), clusters[i].Name)] = gatewayDNS.CreationTimestamp.Time
		}
	}
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
