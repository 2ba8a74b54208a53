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

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/annotations"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Namespace judges the claims of all GatewayDNS of one namespace. It is not safe for concurrent use.
type Namespace struct {
	claimants []*claimant
	clusters  map[string]*clusterv1.Cluster
	of        func(*xccv1.GatewayDNS) (claims Claims, malformed bool)
}

// claimant is a GatewayDNS with its claims.
type claimant struct {
	*xccv1.GatewayDNS
	// claims must not be changed.
	claims    Claims
	malformed bool
	// written is true for one that ever claimed a name: the annotation stays when all claims have ended.
	written, paused bool

	selector labels.Selector
	parsed   bool
}

// In returns the judge of a namespace that has the given objects. of returns what Parse does for the annotation of one of
// the GatewayDNS, and is called once for each. Neither its results nor the objects are changed.
func In(
	gatewayDNS []xccv1.GatewayDNS, clusters []clusterv1.Cluster, of func(*xccv1.GatewayDNS) (claims Claims, malformed bool),
) *Namespace {
	n := &Namespace{clusters: make(map[string]*clusterv1.Cluster, len(clusters)), of: of}
	for i := range clusters {
		n.clusters[clusters[i].Name] = &clusters[i]
	}
	for i := range gatewayDNS {
		n.claimants = append(n.claimants, n.claimantOf(&gatewayDNS[i]))
	}
	return n
}

// claimantOf returns a GatewayDNS with its claims. One that lost its annotation has claimed, since it was created, what its
// status says it has.
func (n *Namespace) claimantOf(gatewayDNS *xccv1.GatewayDNS) *claimant {
	c := &claimant{GatewayDNS: gatewayDNS, paused: annotations.HasPaused(gatewayDNS)}
	if _, c.written = gatewayDNS.Annotations[xccv1.ClaimsAnnotation]; c.written {
		c.claims, c.malformed = n.of(gatewayDNS)
		return c
	}
	c.claims = Claims{}
	for i := range gatewayDNS.Status.Gateways {
		gateway := &gatewayDNS.Status.Gateways[i]
		name := Name(gatewayDNS.Subdomain(), gateway.Cluster)
		_, exists := n.clusters[gateway.Cluster]
		if exists && gateway.State != xccv1.GatewayConflicted && strings.HasPrefix(gateway.Hostname, "*."+name+".") {
			c.claims[name] = gatewayDNS.CreationTimestamp.Time
		}
	}
	return c
}

// selects returns whether a GatewayDNS selects a Cluster, and false for known when its selector cannot be evaluated.
func (c *claimant) selects(cluster *clusterv1.Cluster) (selected, known bool) {
	if !c.parsed {
		c.selector, _ = metav1.LabelSelectorAsSelector(&c.Spec.ClusterSelector)
		c.parsed = true
	}
	if c.selector == nil {
		return false, false
	}
	return cluster.DeletionTimestamp.IsZero() && c.selector.Matches(labels.Set(cluster.Labels)), true
}

// wants returns whether a GatewayDNS asks for the name of a Cluster.
func (c *claimant) wants(cluster *clusterv1.Cluster) bool {
	selected, _ := c.selects(cluster)
	return selected && c.DeletionTimestamp.IsZero()
}

// isLive returns whether a claim has not ended. One that is paused keeps what it has, like its records.
func (n *Namespace) isLive(c *claimant, name string) bool {
	switch {
	case !c.DeletionTimestamp.IsZero():
		return false
	case c.paused:
		return true
	}
	cluster, isOfSubdomain := strings.CutPrefix(name, Name(c.Subdomain(), ""))
	if !isOfSubdomain {
		return false
	}
	existing, exists := n.clusters[cluster]
	if !exists {
		return true
	}
	selected, known := c.selects(existing)
	return selected || !known
}

// since returns since when a GatewayDNS has claimed a name, and false if it does not claim it any more.
func (n *Namespace) since(c *claimant, name string) (time.Time, bool) {
	since, claimed := c.claims[name]
	return since, claimed && n.isLive(c, name)
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

// Holder returns who has the name of a Cluster, and false if nobody has. A GatewayDNS that never claimed anything has the
// names it asks for, if nobody has claimed them: the one that was created first, so that it is not the order in which they
// are looked at that decides between several.
func (n *Namespace) Holder(subdomain, cluster string) (Holder, bool) {
	var holder Holder
	held := false
	add := func(claim Holder) {
		if !held || claim.before(holder) {
			holder, held = claim, true
		}
	}
	name := Name(subdomain, cluster)
	existing, exists := n.clusters[cluster]
	for _, c := range n.claimants {
		if c.Subdomain() != subdomain && !c.paused {
			continue // Whatever it claimed of this subdomain has ended.
		}
		if since, ok := n.since(c, name); ok {
			add(Holder{GatewayDNS: c.Name, Since: since})
		}
		if exists && !c.written && !c.paused && c.wants(existing) {
			add(Holder{GatewayDNS: c.Name, Since: c.CreationTimestamp.Time, unwritten: true})
		}
	}
	return holder, held
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

// latestOfOthers returns when others claimed a name last; zero if none did.
func (n *Namespace) latestOfOthers(gatewayDNS, name string) time.Time {
	var latest time.Time
	for _, c := range n.claimants {
		if c.Name == gatewayDNS {
			continue
		}
		if since, ok := n.since(c, name); ok && since.After(latest) {
			latest = since
		}
	}
	return latest
}
