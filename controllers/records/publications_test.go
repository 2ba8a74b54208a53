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

package records

import (
	"context"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

// cached is a cache with the GatewayDNS of one namespace, or with the slices of a workload cluster.
type cached struct {
	client.Reader
	gatewayDNS map[string]*xccv1.GatewayDNS
	slices     map[string]*discoveryv1.EndpointSlice
	// lists and gets count the reads of slices.
	lists, gets int
}

func (c *cached) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	switch object := object.(type) {
	case *xccv1.GatewayDNS:
		if found, ok := c.gatewayDNS[key.Name]; ok {
			*object = *found
			return nil
		}
	case *discoveryv1.EndpointSlice:
		c.gets++
		if found, ok := c.slices[key.Name]; ok {
			*object = *found
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func (c *cached) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	switch list := list.(type) {
	case *xccv1.GatewayDNSList:
		for _, found := range c.gatewayDNS {
			list.Items = append(list.Items, *found)
		}
	case *discoveryv1.EndpointSliceList:
		c.lists++
		for _, found := range c.slices {
			list.Items = append(list.Items, *found)
		}
	}
	return nil
}

func key(name string) client.ObjectKey { return client.ObjectKey{Namespace: "dev", Name: name} }

func sourceOf(cluster string) plan.Source {
	return plan.Source{GatewayDNS: key("gw"), Cluster: cluster, Subdomain: "gateway"}
}

// shown returns a GatewayDNS whose status has gateways with the addresses, by Cluster.
func shown(version string, addresses ...string) *xccv1.GatewayDNS {
	result := &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "gw", UID: "uid", ResourceVersion: version}}
	for i, address := range addresses {
		cluster := fmt.Sprint("c", i)
		result.Status.Gateways = append(result.Status.Gateways, xccv1.GatewayStatus{
			Cluster: cluster, Hostname: "*.gateway." + cluster + ".dev.clusters." + zone, State: xccv1.GatewayResolved, Addresses: []string{address},
		})
	}
	return result
}

// consuming is a consuming cluster with its publications.
type consuming struct {
	*WithT
	t            *testing.T
	management   *cached
	remote       *cached
	publications *publications
}

func newConsuming(t *testing.T, gatewayDNS *xccv1.GatewayDNS) *consuming {
	t.Helper()
	management := &cached{gatewayDNS: map[string]*xccv1.GatewayDNS{"gw": gatewayDNS}}
	return &consuming{
		WithT: NewWithT(t), t: t, management: management, remote: &cached{slices: map[string]*discoveryv1.EndpointSlice{}},
		publications: newPublications(management, zone),
	}
}

// compare compares what is due and writes it to the cluster. It returns the gateways that were
// compared, or nil if those are all.
func (c *consuming) compare() []string {
	c.t.Helper()
	comparison, err := c.publications.compare(c.t.Context(), key("consumer"), c.remote)
	c.Expect(err).NotTo(HaveOccurred())
	held, err := comparison.held(c.t.Context(), c.remote)
	c.Expect(err).NotTo(HaveOccurred())
	comparison.saw(held)
	changes := plan.Compute(zone, comparison.gateways(), held, plan.Consumer{Readers: plan.ReadersUnknown})
	for _, slice := range append(changes.Create, changes.Update...) {
		c.remote.slices[slice.Name] = slice
	}
	for _, slice := range changes.Candidates {
		delete(c.remote.slices, slice.Name)
	}
	comparison.finish(nil)
	if comparison.isAll {
		return nil
	}
	compared := []string{}
	for _, source := range comparison.sources {
		compared = append(compared, source.Cluster)
	}
	return compared
}

// show changes the GatewayDNS, and returns the clusters that are woken.
func (c *consuming) show(gatewayDNS *xccv1.GatewayDNS) []string {
	c.t.Helper()
	if gatewayDNS == nil {
		delete(c.management.gatewayDNS, "gw")
	} else {
		c.management.gatewayDNS["gw"] = gatewayDNS
	}
	woken, err := c.publications.refresh(c.t.Context(), key("gw"))
	c.Expect(err).NotTo(HaveOccurred())
	return woken
}

func (c *consuming) addresses() []string {
	var all []string
	for _, slice := range c.remote.slices {
		all = append(all, slice.Endpoints[0].Addresses...)
	}
	return all
}

func TestAChangeComparesWhatItChanges(t *testing.T) {
	t.Parallel()
	c := newConsuming(t, shown("1", "192.0.2.1", "192.0.2.2", "192.0.2.3"))
	c.Expect(c.show(shown("1", "192.0.2.1", "192.0.2.2", "192.0.2.3"))).To(BeEmpty(), "no cluster consumes yet")
	c.Expect(c.compare()).To(BeNil(), "a cluster that connects is compared as a whole")
	c.Expect(c.addresses()).To(ConsistOf("192.0.2.1", "192.0.2.2", "192.0.2.3"))
	c.Expect(c.remote.lists).To(Equal(1))
	c.Expect(c.compare()).To(BeEmpty())

	t.Log("An address")
	c.Expect(c.show(shown("2", "192.0.2.1", "192.0.2.9", "192.0.2.3"))).To(ConsistOf("consumer"))
	c.Expect(c.compare()).To(ConsistOf("c1"))
	c.Expect(c.addresses()).To(ConsistOf("192.0.2.1", "192.0.2.9", "192.0.2.3"))
	c.Expect(c.remote.gets).To(Equal(3), "the names of one gateway's slices")

	t.Log("Nothing that is published")
	other := shown("3", "192.0.2.1", "192.0.2.9", "192.0.2.3")
	other.Status.Gateways[0].Message = "new"
	c.Expect(c.show(other)).To(BeEmpty())

	t.Log("A slice")
	slice := c.remote.slices[plan.SliceNames(sourceOf("c2"))[0]]
	delete(c.remote.slices, slice.Name)
	c.publications.changed(key("consumer"), slice)
	c.Expect(c.compare()).To(ConsistOf("c2"))
	c.Expect(c.addresses()).To(HaveLen(3))

	t.Log("A slice whose annotations were removed")
	edited := c.remote.slices[slice.Name].DeepCopy()
	edited.Annotations = nil
	c.remote.slices[edited.Name] = edited
	c.publications.changed(key("consumer"), edited)
	c.Expect(c.compare()).To(ConsistOf("c2"))
	c.Expect(c.remote.slices[edited.Name].Annotations).NotTo(BeEmpty())

	t.Log("An entry, then the GatewayDNS")
	c.Expect(c.show(shown("4", "192.0.2.1", "192.0.2.9"))).To(ConsistOf("consumer"))
	c.Expect(c.compare()).To(ConsistOf("c2"))
	c.Expect(c.show(nil)).To(ConsistOf("consumer"))
	c.Expect(c.compare()).To(ConsistOf("c0", "c1"))
	c.Expect(c.addresses()).To(BeEmpty())

	t.Log("Another connection")
	c.show(shown("5", "192.0.2.1"))
	c.remote = &cached{slices: map[string]*discoveryv1.EndpointSlice{}}
	c.Expect(c.compare()).To(BeNil())
	c.Expect(c.addresses()).To(ConsistOf("192.0.2.1"))

	t.Log("No consuming cluster is left")
	c.publications.evict(key("consumer"))
	c.Expect(c.publications.namespaces).To(BeEmpty())
	c.Expect(c.publications.names.gateways).To(BeEmpty())
}

func TestAComparisonThatDoesNotFinishIsRepeated(t *testing.T) {
	t.Parallel()
	c := newConsuming(t, shown("1", "192.0.2.1", "192.0.2.2", "192.0.2.3"))
	begin := func() *comparison {
		begun, err := c.publications.compare(t.Context(), key("consumer"), c.remote)
		c.Expect(err).NotTo(HaveOccurred())
		return begun
	}
	c.Expect(begin().isAll).To(BeTrue())
	c.Expect(begin().isAll).To(BeTrue(), "the first one did not finish")
	c.compare()

	c.show(shown("2", "192.0.2.9", "192.0.2.2", "192.0.2.3"))
	c.Expect(begin().sources).To(ConsistOf(sourceOf("c0")))
	c.show(shown("3", "192.0.2.9", "192.0.2.9", "192.0.2.3"))
	c.Expect(begin().sources).To(ConsistOf(sourceOf("c0"), sourceOf("c1")))
	begin().finish([]plan.Source{sourceOf("c1")})
	c.Expect(c.compare()).To(ConsistOf("c1"), "it is not settled")
	c.Expect(c.compare()).To(BeEmpty())

	t.Log("What changes meanwhile is compared the next time")
	begun := begin()
	c.show(shown("4", "192.0.2.9", "192.0.2.9", "192.0.2.9"))
	begun.finish(nil)
	c.Expect(c.compare()).To(ConsistOf("c2"))
}

// TestASliceWithAnotherNameIsFound has a slice of the 2022 project, whose name is not the gateway's.
func TestASliceWithAnotherNameIsFound(t *testing.T) {
	t.Parallel()
	c := newConsuming(t, shown("1", "192.0.2.1", "192.0.2.2"))
	former := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: "dev-c0-gateway", Annotations: map[string]string{
			xccv1.DNSHostnameAnnotation: "*.gateway.c0.dev.clusters." + zone, xccv1.GatewayDNSRefAnnotation: "dev/gw",
		}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.7"}}},
	}
	c.compare()
	c.remote.slices[former.Name] = former
	c.publications.changed(key("consumer"), former)
	c.Expect(c.compare()).To(ConsistOf("c0"))
	c.Expect(c.remote.slices).NotTo(HaveKey(former.Name))

	t.Log("It is there when the cluster connects, and its gateway changes later")
	c.remote = &cached{slices: map[string]*discoveryv1.EndpointSlice{former.Name: former}}
	comparison, err := c.publications.compare(t.Context(), key("consumer"), c.remote)
	c.Expect(err).NotTo(HaveOccurred())
	held, err := comparison.held(t.Context(), c.remote)
	c.Expect(err).NotTo(HaveOccurred())
	comparison.saw(held)
	comparison.finish(nil)
	c.show(shown("2", "192.0.2.9", "192.0.2.2"))
	c.Expect(c.compare()).To(ConsistOf("c0"))
	c.Expect(c.remote.slices).NotTo(HaveKey(former.Name))
}

// TestSlicesThatNameEverNewGatewaysTakeBoundedMemory has a workload cluster that writes them.
func TestSlicesThatNameEverNewGatewaysTakeBoundedMemory(t *testing.T) {
	t.Parallel()
	c := newConsuming(t, shown("1", "192.0.2.1"))
	c.compare()
	kept := c.publications.namespaces["dev"].consumers["consumer"]
	for i := range 3 * maxDue {
		c.publications.changed(key("consumer"), &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprint("forged-", i), Annotations: map[string]string{
				xccv1.DNSHostnameAnnotation: fmt.Sprintf("*.gateway.c%d.dev.clusters.%s", i, zone), xccv1.GatewayDNSRefAnnotation: "dev/gw",
			},
		}})
		c.Expect(len(kept.due) <= maxDue && len(kept.renamed) <= maxDue+1).To(BeTrue())
	}
	c.Expect(c.compare()).To(BeNil(), "everything")
	c.Expect(kept.renamed).To(BeEmpty())

	t.Log("Ever new slices of one gateway, which is due all the time")
	for i := range 3 * maxDue {
		slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprint("new-", i), Annotations: map[string]string{
				xccv1.DNSHostnameAnnotation: "*.gateway.c0.dev.clusters." + zone, xccv1.GatewayDNSRefAnnotation: "dev/gw",
			},
		}}
		begun, err := c.publications.compare(t.Context(), key("consumer"), c.remote)
		c.Expect(err).NotTo(HaveOccurred())
		c.publications.changed(key("consumer"), slice)
		begun.saw(nil)
		begun.finish(nil)
		c.Expect(len(kept.renamed[sourceOf("c0")])).To(BeNumerically("<=", maxDue+1))
	}
}

func TestEqualSlicesOfClustersShareMemory(t *testing.T) {
	t.Parallel()
	c := newConsuming(t, shown("1", "192.0.2.1"))
	c.compare()
	var written *discoveryv1.EndpointSlice
	for _, written = range c.remote.slices {
	}
	read := func(change func(*discoveryv1.EndpointSlice)) *discoveryv1.EndpointSlice {
		slice := written.DeepCopy()
		slice.UID, slice.ResourceVersion = "uid", "7"
		change(slice)
		want := slice.DeepCopy()
		c.publications.share(slice)
		c.Expect(slice).To(Equal(want))
		return slice
	}
	published := c.publications.names.gateway(written.Name).Slices()[0]
	equal := read(func(*discoveryv1.EndpointSlice) {})
	c.Expect(&equal.Endpoints[0]).To(BeIdenticalTo(&published.Endpoints[0]))
	for _, change := range []func(*discoveryv1.EndpointSlice){
		func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Addresses[0] = "192.0.2.66" },
		func(s *discoveryv1.EndpointSlice) { s.Labels["a"] = "b" },
		func(s *discoveryv1.EndpointSlice) { delete(s.Annotations, xccv1.DNSHostnameAnnotation) },
		func(s *discoveryv1.EndpointSlice) { s.Name = "other" },
	} {
		c.Expect(&read(change).Endpoints[0]).NotTo(BeIdenticalTo(&published.Endpoints[0]))
	}
}
