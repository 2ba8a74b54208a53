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

package plan_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

const zone = "xcc.test"

func gatewayDNS(name string, gateways ...xccv1.GatewayStatus) xccv1.GatewayDNS {
	return xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: name},
		Spec:       xccv1.GatewayDNSSpec{ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{"gateway": "true"}}},
		Status:     xccv1.GatewayDNSStatus{Gateways: gateways},
	}
}

func gateway(cluster string, state xccv1.GatewayState, addresses ...string) xccv1.GatewayStatus {
	return xccv1.GatewayStatus{Cluster: cluster, Hostname: hostname(cluster, "dev"), State: state, Addresses: addresses}
}

func hostname(cluster, namespace string) string {
	return "*.gateway." + cluster + "." + namespace + ".clusters." + zone
}

// compute returns the plan for a cluster that may see the given GatewayDNS.
func compute(visible []xccv1.GatewayDNS, existing []discoveryv1.EndpointSlice, readers plan.Readers) plan.Plan {
	var gateways []*plan.Gateway
	for i := range visible {
		gateways = append(gateways, plan.Publish(zone, &visible[i], nil).Gateways()...)
	}
	return plan.Compute(zone, gateways, pointers(existing), plan.Consumer{Readers: readers})
}

// orphaned returns whether a candidate may be deleted, given the GatewayDNS in the cache.
func orphaned(
	slice *discoveryv1.EndpointSlice, gatewayDNS *xccv1.GatewayDNS, cluster *clusterv1.Cluster, cached []xccv1.GatewayDNS, readers plan.Readers,
) bool {
	source, _ := plan.Published(slice, zone)
	var gateway *plan.Gateway
	for i := range cached {
		if found := plan.Publish(zone, &cached[i], nil).Gateway(source); found != nil {
			gateway = found
		}
	}
	return plan.Orphaned(slice, zone, gatewayDNS, cluster, gateway, readers)
}

// slice returns a slice that a manager wrote for the GatewayDNS ref, or a hand-written one if ref
// is empty.
func slice(name, ref, hostname string, addresses ...string) discoveryv1.EndpointSlice {
	s := discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "xcc-dns", Name: name, Annotations: map[string]string{xccv1.DNSHostnameAnnotation: hostname},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	if ref != "" {
		s.Annotations[xccv1.GatewayDNSRefAnnotation] = ref
	}
	for _, address := range addresses {
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
	}
	return s
}

// describe returns each slice as "<address type> <DNS name> <address>...".
func describe(slices []*discoveryv1.EndpointSlice) []string {
	var lines []string
	for _, s := range slices {
		line := string(s.AddressType) + " " + s.Annotations[xccv1.DNSHostnameAnnotation]
		for _, endpoint := range s.Endpoints {
			line += " " + strings.Join(endpoint.Addresses, " ")
		}
		lines = append(lines, line)
	}
	return lines
}

func names(slices []*discoveryv1.EndpointSlice) []string {
	var names []string
	for _, s := range slices {
		names = append(names, s.Name)
	}
	return names
}

func TestCompute(t *testing.T) {
	t.Parallel()
	a := hostname("a", "dev")
	old := slice("dev-a-gateway", "dev/gw", a, "192.0.2.9")
	for name, test := range map[string]struct {
		visible    []xccv1.GatewayDNS
		existing   []discoveryv1.EndpointSlice
		create     []string
		candidates []string
	}{
		"no GatewayDNS and no slice": {},
		"a resolved gateway gets a slice for each address type": {
			visible: []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1", "192.0.2.2", "2001:db8::1", "lb.example.com"))},
			create:  []string{"IPv4 " + a + " 192.0.2.1 192.0.2.2", "IPv6 " + a + " 2001:db8::1", "FQDN " + a + " lb.example.com"},
		},
		"a gateway without an address gets no slice": {
			visible: []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayNoAddress))},
		},
		"the slice of a gateway without a Service is a candidate": {
			visible:    []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayServiceNotFound))},
			existing:   []discoveryv1.EndpointSlice{old},
			candidates: []string{"dev-a-gateway"},
		},
		"an unknown gateway keeps its slice under any name": {
			visible:  []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayUnknown))},
			existing: []discoveryv1.EndpointSlice{old},
		},
		"an unknown gateway keeps its slice even if its last addresses differ": {
			visible:  []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayUnknown, "192.0.2.1"))},
			existing: []discoveryv1.EndpointSlice{old},
		},
		"an unknown gateway without a slice gets one for its last addresses": {
			visible: []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayUnknown, "192.0.2.1"))},
			create:  []string{"IPv4 " + a + " 192.0.2.1"},
		},
		"a slice of the 2022 project is replaced by ours": {
			visible:    []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.9"))},
			existing:   []discoveryv1.EndpointSlice{old},
			create:     []string{"IPv4 " + a + " 192.0.2.9"},
			candidates: []string{"dev-a-gateway"},
		},
		"the slice of a gateway that the status does not list is a candidate": {
			visible:    []xccv1.GatewayDNS{gatewayDNS("gw")},
			existing:   []discoveryv1.EndpointSlice{old},
			candidates: []string{"dev-a-gateway"},
		},
		"a hand-written slice is ignored": {
			existing: []discoveryv1.EndpointSlice{slice("by-hand", "", a, "192.0.2.1")},
		},
		"two GatewayDNS of one Cluster have separate slices": {
			visible: []xccv1.GatewayDNS{
				gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1")), gatewayDNS("other", gateway("a", xccv1.GatewayResolved, "192.0.2.2")),
			},
			create: []string{"IPv4 " + a + " 192.0.2.1", "IPv4 " + a + " 192.0.2.2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			changes := compute(test.visible, test.existing, plan.ReadersUnknown)
			g.Expect(describe(changes.Create)).To(Equal(test.create))
			g.Expect(names(changes.Candidates)).To(Equal(test.candidates))
			g.Expect(changes.Update).To(BeEmpty())

			t.Log("Once the plan is applied, nothing is left to create or update")
			done := test.existing
			for _, created := range changes.Create {
				done = append(done, *created)
			}
			again := compute(test.visible, done, plan.ReadersUnknown)
			g.Expect(again.Create).To(BeEmpty())
			g.Expect(again.Update).To(BeEmpty())
		})
	}
}

func TestComputeUndoesEditsAndKeepsForeignAnnotations(t *testing.T) {
	t.Parallel()
	visible := []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1"))}
	written := compute(visible, nil, plan.ReadersUnknown).Create[0]
	for name, edit := range map[string]func(*discoveryv1.EndpointSlice){
		"another address":          func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Addresses = []string{"203.0.113.1"} },
		"no endpoint":              func(s *discoveryv1.EndpointSlice) { s.Endpoints = nil },
		"an endpoint is not ready": func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Conditions.Ready = new(false) },
		"another name":             func(s *discoveryv1.EndpointSlice) { s.Annotations[xccv1.DNSHostnameAnnotation] = "evil." + zone },
		"no reference":             func(s *discoveryv1.EndpointSlice) { delete(s.Annotations, xccv1.GatewayDNSRefAnnotation) },
		"no ownership metadata": func(s *discoveryv1.EndpointSlice) {
			s.Labels = nil
			delete(s.Annotations, xccv1.GatewayDNSRefAnnotation)
			delete(s.Annotations, xccv1.DNSHostnameAnnotation)
		},
		"no label": func(s *discoveryv1.EndpointSlice) { s.Labels = nil },
		"a port":   func(s *discoveryv1.EndpointSlice) { s.Ports = []discoveryv1.EndpointPort{{Port: ptr.To[int32](80)}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			edited := written.DeepCopy()
			edited.ResourceVersion = "7"
			edited.Annotations["example.com/theirs"] = "kept"
			edit(edited)
			changes := compute(visible, []discoveryv1.EndpointSlice{*edited}, plan.ReadersUnknown)
			g.Expect(changes.Create).To(BeEmpty())
			g.Expect(changes.Update).To(HaveLen(1))
			updated := changes.Update[0]
			g.Expect(updated.ResourceVersion).To(Equal("7"))
			g.Expect(updated.Annotations).To(HaveKeyWithValue("example.com/theirs", "kept"))
			delete(updated.Annotations, "example.com/theirs")
			updated.ResourceVersion = ""
			g.Expect(updated).To(Equal(written))
		})
	}
}

func TestAnotherAddressTypeIsReplaced(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	visible := []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1"))}
	written := compute(visible, nil, plan.ReadersUnknown).Create[0]
	retyped := written.DeepCopy()
	retyped.UID, retyped.ResourceVersion, retyped.AddressType = "old", "7", discoveryv1.AddressTypeIPv6
	changes := compute(visible, []discoveryv1.EndpointSlice{*retyped}, plan.ReadersUnknown)
	g.Expect(changes.Empty()).To(BeFalse())
	g.Expect(changes.Replace).To(HaveLen(1))
	replaced := changes.Replace[0]
	g.Expect(string(replaced.UID) + " " + replaced.ResourceVersion).To(Equal("old 7"))
	replaced.UID, replaced.ResourceVersion = "", ""
	g.Expect(replaced).To(Equal(written))
	changes.Replace = nil
	g.Expect(changes).To(Equal(plan.Plan{}))
}

func TestANameOfAForeignSliceIsTaken(t *testing.T) {
	t.Parallel()
	visible := []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1"))}
	written := compute(visible, nil, plan.ReadersUnknown).Create[0]
	for name, change := range map[string]func(*discoveryv1.EndpointSlice){
		"written by hand": func(s *discoveryv1.EndpointSlice) {
			s.Annotations = map[string]string{xccv1.DNSHostnameAnnotation: "shop." + zone}
		},
		"managed by another controller":                  func(s *discoveryv1.EndpointSlice) { s.Labels = map[string]string{discoveryv1.LabelManagedBy: "other"} },
		"of another type and without ownership metadata": func(s *discoveryv1.EndpointSlice) { s.AddressType = discoveryv1.AddressTypeIPv6 },
		"written by hand and of another type": func(s *discoveryv1.EndpointSlice) {
			s.AddressType, s.Annotations = discoveryv1.AddressTypeFQDN, map[string]string{xccv1.DNSHostnameAnnotation: "shop." + zone}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			other := written.DeepCopy()
			other.Labels, other.Annotations = nil, nil
			change(other)
			changes := compute(visible, []discoveryv1.EndpointSlice{*other}, plan.ReadersUnknown)
			g.Expect(changes).To(Equal(plan.Plan{Taken: []*discoveryv1.EndpointSlice{written}}))
			g.Expect(changes.Empty()).To(BeTrue())
		})
	}
}

func TestAForgedStatusPublishesNoOtherName(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	forged := gateway("a", xccv1.GatewayResolved, "192.0.2.1")
	forged.Hostname = hostname("shop", "victim")
	for _, name := range []string{
		hostname("shop", "victim"), hostname("a", "victim"), hostname("shop", "dev"), hostname("a.dev.clusters."+zone+".shop", "victim"),
		"*." + zone, "shop." + zone, "*.gateway.a.dev.clusters.other.test", "", "*.a.b.gateway.a.dev.clusters." + zone,
	} {
		forged.Hostname = name
		changes := compute([]xccv1.GatewayDNS{gatewayDNS("gw", forged)}, nil, plan.ReadersUnknown)
		g.Expect(changes.Empty()).To(BeTrue(), name)
	}
}

// FuzzNothingIsPublishedOutsideOfItsNamespace checks that no name of a GatewayDNS, of a Cluster or
// in a status leaves the namespace.
func FuzzNothingIsPublishedOutsideOfItsNamespace(f *testing.F) {
	f.Add("gw", "a", hostname("shop", "victim"))
	f.Add("gw", "shop.victim.clusters.xcc.test", "*.gateway.shop.victim.clusters.xcc.test.dev.clusters.xcc.test")
	f.Add("gw", "shop", "*.a.shop.dev.clusters.xcc.test.")
	f.Fuzz(func(t *testing.T, name, cluster, hostname string) {
		g := NewWithT(t)
		forged := xccv1.GatewayStatus{Cluster: cluster, Hostname: hostname, State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1"}}
		for _, slice := range compute([]xccv1.GatewayDNS{gatewayDNS(name, forged)}, nil, plan.ReadersUnknown).Create {
			for _, annotation := range []string{xccv1.DNSHostnameAnnotation, xccv1.AdditionalHostnamesAnnotation} {
				g.Expect(dnsname.Canonical(slice.Annotations[annotation])).To(HaveSuffix("." + cluster + ".dev.clusters." + zone))
			}
		}
	})
}

func TestNamesDoNotCollideAndFit(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	long := strings.Repeat("x", 253)
	seen := map[string]string{}
	for _, gw := range []struct{ namespace, name, cluster, subdomain string }{
		{"a", "gw", "b-c", "gateway"}, {"a-b", "gw", "c", "gateway"}, {"a", "gw-b", "c", "gateway"}, {"a", "gw", "b", "gateway"},
		{"a", long, "b", "gateway"}, {"a", long + "x", "b", "gateway"}, {"a", "gw", strings.Repeat("y", 63), "gateway"},
		{"a", "gw", "b", "internal"}, {"a", "gw", "b", "ipv4"}, {"a", "gw", "b.gateway", "internal"},
	} {
		one := gatewayDNS(gw.name, xccv1.GatewayStatus{
			Cluster: gw.cluster, Hostname: "*." + gw.subdomain + "." + gw.cluster + "." + gw.namespace + ".clusters." + zone,
			State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1", "2001:db8::1"},
		})
		one.Namespace = gw.namespace
		created := compute([]xccv1.GatewayDNS{one}, nil, plan.ReadersUnknown).Create
		g.Expect(created).To(HaveLen(2))
		for _, s := range created {
			key := gw.namespace + "/" + gw.name + "/" + gw.cluster + "/" + gw.subdomain + "/" + string(s.AddressType)
			g.Expect(seen).NotTo(HaveKey(s.Name), key)
			seen[s.Name] = key
			g.Expect(len(s.Name)).To(BeNumerically("<=", 253))
			g.Expect(len(s.Labels[discoveryv1.LabelServiceName])).To(BeNumerically("<=", 63))
		}
	}
}

func TestOrphaned(t *testing.T) {
	t.Parallel()
	selected := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a", Labels: map[string]string{"gateway": "true"}}}
	unselected := selected.DeepCopy()
	unselected.Labels = nil
	deleting := selected.DeepCopy()
	deleting.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	with := func(gateways ...xccv1.GatewayStatus) *xccv1.GatewayDNS {
		g := gatewayDNS("gw", gateways...)
		return &g
	}
	badSelector := with()
	badSelector.Spec.ClusterSelector.MatchLabels = map[string]string{"a": "not a label value"}
	renamed := func(g *xccv1.GatewayDNS) *xccv1.GatewayDNS {
		g.Spec.Subdomain = "internal"
		return g
	}
	old := slice("dev-a-gateway", "dev/gw", hostname("a", "dev"), "192.0.2.1")
	internal := slice("x", "dev/gw", "*.internal.a.dev.clusters."+zone, "192.0.2.1")
	ours := *compute([]xccv1.GatewayDNS{*with(gateway("a", xccv1.GatewayResolved, "192.0.2.1"))}, nil, plan.ReadersUnknown).Create[0]

	for name, test := range map[string]struct {
		slice      discoveryv1.EndpointSlice
		gatewayDNS *xccv1.GatewayDNS
		cluster    *clusterv1.Cluster
		orphaned   bool
	}{
		"the GatewayDNS does not exist":                      {old, nil, selected, true},
		"the Cluster does not exist":                         {old, with(), nil, true},
		"the Cluster is being deleted":                       {old, with(), deleting, true},
		"the Cluster is not selected":                        {old, with(), unselected, true},
		"the status is empty":                                {old, with(), selected, false},
		"the status lists only other gateways":               {old, with(gateway("b", xccv1.GatewayResolved, "192.0.2.1")), selected, false},
		"the gateway is unknown":                             {old, with(gateway("a", xccv1.GatewayUnknown)), selected, false},
		"the gateway has no Service":                         {old, with(gateway("a", xccv1.GatewayServiceNotFound)), selected, true},
		"the gateway's Service has the wrong type":           {old, with(gateway("a", xccv1.GatewayWrongServiceType)), selected, true},
		"the gateway has no address":                         {old, with(gateway("a", xccv1.GatewayNoAddress)), selected, true},
		"another slice publishes the gateway":                {old, with(gateway("a", xccv1.GatewayResolved, "192.0.2.1")), selected, true},
		"the slice publishes the gateway":                    {ours, with(gateway("a", xccv1.GatewayResolved, "192.0.2.1")), selected, false},
		"the gateway has no address of the slice's type":     {ours, with(gateway("a", xccv1.GatewayResolved, "2001:db8::1")), selected, true},
		"the selector is invalid":                            {old, badSelector, selected, false},
		"spec.subdomain has changed":                         {old, renamed(with()), selected, true},
		"spec.subdomain of an unknown gateway has changed":   {old, renamed(with(gateway("a", xccv1.GatewayUnknown))), selected, true},
		"the status has the former subdomain":                {internal, renamed(with(gateway("a", xccv1.GatewayResolved, "192.0.2.1"))), selected, false},
		"the status has no address for the former subdomain": {internal, renamed(with(gateway("a", xccv1.GatewayNoAddress))), selected, false},
		"another GatewayDNS claims the gateway":              {ours, with(gateway("a", xccv1.GatewayConflicted)), selected, true},
		"the gateway's override is invalid":                  {ours, with(gateway("a", xccv1.GatewayInvalidOverride)), selected, false},
		"the override has an address of the slice's type":    {ours, with(gateway("a", xccv1.GatewayOverridden, "192.0.2.7")), selected, false},
		"the override has an address of another type":        {ours, with(gateway("a", xccv1.GatewayOverridden, "2001:db8::1")), selected, true},
		"the cluster is unreachable":                         {ours, with(gateway("a", xccv1.GatewayUnreachable)), selected, false},
		"the reference is malformed":                         {slice("x", "garbage", hostname("a", "dev")), nil, nil, false},
		"the GatewayDNS cannot publish the DNS name":         {slice("x", "dev/gw", "foo."+zone), with(), nil, true},
		"the DNS name is in another namespace":               {slice("x", "dev/gw", hostname("a", "other")), with(), nil, true},
		"the DNS name is in another zone":                    {slice("x", "dev/gw", "*.gateway.a.dev.clusters.old.test"), with(), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			var cached []xccv1.GatewayDNS
			if test.gatewayDNS != nil {
				cached = append(cached, *test.gatewayDNS)
			}
			g.Expect(orphaned(&test.slice, test.gatewayDNS, test.cluster, cached, plan.ReadersUnknown)).To(Equal(test.orphaned))
		})
	}
}

// TestASliceStaysUntilTheCacheHasTheLiveStatus has slices that the live status does not need.
func TestASliceStaysUntilTheCacheHasTheLiveStatus(t *testing.T) {
	t.Parallel()
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a", Labels: map[string]string{"gateway": "true"}}}
	resolved := gateway("a", xccv1.GatewayResolved, "2001:db8::1")
	now := gatewayDNS("gw", resolved)
	elsewhere := now
	elsewhere.Namespace = "other"
	empty := gatewayDNS("gw", gateway("a", xccv1.GatewayNoAddress))
	old := slice("dev-a-gateway", "dev/gw", hostname("a", "dev"), "192.0.2.1")
	ours := *compute([]xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1"))}, nil, plan.ReadersUnknown).Create[0]
	for name, test := range map[string]struct {
		live     xccv1.GatewayDNS
		cached   []xccv1.GatewayDNS
		orphaned bool
	}{
		"the same status":                     {now, []xccv1.GatewayDNS{gatewayDNS("other"), now}, true},
		"the same status of the gateway":      {now, []xccv1.GatewayDNS{gatewayDNS("gw", gateway("b", xccv1.GatewayUnknown), resolved)}, true},
		"no GatewayDNS":                       {now, nil, false},
		"a GatewayDNS of another namespace":   {now, []xccv1.GatewayDNS{elsewhere}, false},
		"no entry for the gateway":            {now, []xccv1.GatewayDNS{gatewayDNS("gw")}, false},
		"an unknown gateway":                  {now, []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayUnknown))}, false},
		"addresses of another type":           {now, []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "192.0.2.1"))}, false},
		"another address":                     {now, []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, "2001:db8::2"))}, false},
		"both statuses are known-empty":       {empty, []xccv1.GatewayDNS{empty}, true},
		"only the live status is known-empty": {empty, []xccv1.GatewayDNS{now}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			for _, slice := range []discoveryv1.EndpointSlice{old, ours} {
				g.Expect(orphaned(&slice, &test.live, cluster, test.cached, plan.ReadersUnknown)).To(Equal(test.orphaned), slice.Name)
			}
		})
	}
}
