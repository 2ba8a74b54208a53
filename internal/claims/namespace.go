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

// Namespace evaluates the claims of all GatewayDNS of one namespace. It is not safe for concurrent
// use.
type Namespace struct {
	claimants []*claimant
	clusters  map[string]*clusterv1.Cluster
	parse     func(*xccv1.GatewayDNS) (claims Claims, malformed bool)
}

// claimant is a GatewayDNS with its claims.
type claimant struct {
	*xccv1.GatewayDNS
	// gateways are the claims of the names of single gateways.
	gateways record
	paused   bool

	shared       record
	sharedParsed bool
	selector     labels.Selector
	parsed       bool
}

// record is the content of one annotation.
type record struct {
	// claims are shared, and must not be changed.
	claims    Claims
	malformed bool
	// written is true if the GatewayDNS has ever claimed a name in this annotation. The annotation
	// stays even if all claims have ended.
	written bool
}

// NewNamespace returns a Namespace with the given objects. parse returns the result of Parse for
// the annotation of a GatewayDNS, and may cache it; it is called once for each. Namespace changes
// neither its results nor the objects.
func NewNamespace(
	gatewayDNS []xccv1.GatewayDNS, clusters []clusterv1.Cluster, parse func(*xccv1.GatewayDNS) (claims Claims, malformed bool),
) *Namespace {
	n := &Namespace{clusters: make(map[string]*clusterv1.Cluster, len(clusters)), parse: parse}
	for i := range clusters {
		n.clusters[clusters[i].Name] = &clusters[i]
	}
	for i := range gatewayDNS {
		n.claimants = append(n.claimants, n.claimantOf(&gatewayDNS[i]))
	}
	return n
}

// claimantOf returns a GatewayDNS with its claims. If the annotation is missing, it restores the
// claims from the status, with the creation time.
func (n *Namespace) claimantOf(gatewayDNS *xccv1.GatewayDNS) *claimant {
	c := &claimant{GatewayDNS: gatewayDNS, paused: annotations.HasPaused(gatewayDNS)}
	if _, c.gateways.written = gatewayDNS.Annotations[xccv1.ClaimsAnnotation]; c.gateways.written {
		c.gateways.claims, c.gateways.malformed = n.parse(gatewayDNS)
		return c
	}
	c.gateways.claims = Claims{}
	for i := range gatewayDNS.Status.Gateways {
		gateway := &gatewayDNS.Status.Gateways[i]
		name := Name(gatewayDNS.Subdomain(), gateway.Cluster)
		_, exists := n.clusters[gateway.Cluster]
		if exists && gateway.State != xccv1.GatewayConflicted && strings.HasPrefix(gateway.Hostname, "*."+name+".") {
			c.gateways.claims[name] = gatewayDNS.CreationTimestamp.Time
		}
	}
	return c
}

// record returns the record that has the claim of a name.
func (c *claimant) record(name string) *record {
	if !isShared(name) {
		return &c.gateways
	}
	if !c.sharedParsed {
		c.shared, c.sharedParsed = sharedRecord(c.GatewayDNS), true
	}
	return &c.shared
}

// selects returns whether a GatewayDNS selects a Cluster. known is false if the selector is
// invalid.
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

// wants returns whether a GatewayDNS should claim a name.
func (n *Namespace) wants(c *claimant, name string) bool {
	if !c.DeletionTimestamp.IsZero() || !c.asksFor(name) {
		return false
	}
	if isShared(name) {
		return true
	}
	cluster, exists := n.clusters[clusterOf(name)]
	if !exists {
		return false
	}
	selected, _ := c.selects(cluster)
	return selected
}

// asksFor returns whether the spec of a GatewayDNS has the shared name, or the subdomain of the
// gateway's name.
func (c *claimant) asksFor(name string) bool {
	if isShared(name) {
		return c.Spec.Shared != nil && c.Spec.Shared.Name == name
	}
	return strings.HasPrefix(name, Name(c.Subdomain(), ""))
}

// isLive returns whether a claim has not ended. A paused GatewayDNS keeps its claims, like its
// records.
func (n *Namespace) isLive(c *claimant, name string) bool {
	switch {
	case !c.DeletionTimestamp.IsZero():
		return false
	case c.paused:
		return true
	case !c.asksFor(name):
		return false
	case isShared(name):
		return true
	}
	existing, exists := n.clusters[clusterOf(name)]
	if !exists {
		return true
	}
	selected, known := c.selects(existing)
	return selected || !known
}

// since returns the start of a GatewayDNS's claim of a name. It returns false if there is none or
// it has ended.
func (n *Namespace) since(c *claimant, name string) (time.Time, bool) {
	since, claimed := c.record(name).claims[name]
	return since, claimed && n.isLive(c, name)
}

// Holder is the GatewayDNS that may publish a name.
type Holder struct {
	// GatewayDNS is the name of the GatewayDNS.
	GatewayDNS string

	// Since is the start of its claim.
	Since time.Time
	// unwritten is true if the GatewayDNS has not written a claim yet. Since is its creation time
	// then.
	unwritten bool
}

// Holder returns the holder of a name, or false if there is none. If no GatewayDNS has claimed the
// name, the oldest GatewayDNS that wants it and has no claims yet holds it. So the order of
// reconciles does not matter.
func (n *Namespace) Holder(name string) (Holder, bool) {
	var holder Holder
	held := false
	add := func(claim Holder) {
		if !held || claim.before(holder) {
			holder, held = claim, true
		}
	}
	for _, c := range n.claimants {
		if !c.paused && !c.asksFor(name) {
			continue // Its claim of this name has ended.
		}
		if since, ok := n.since(c, name); ok {
			add(Holder{GatewayDNS: c.Name, Since: since})
		}
		if !c.paused && !c.record(name).written && n.wants(c, name) {
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

// latestOfOthers returns the start of the latest claim of a name by another GatewayDNS, or zero if
// there is none.
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
