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
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

const zone = "xcc.test"

// live is a management cluster's API server that has one GatewayDNS and one Cluster.
type live struct {
	client.Reader
	gatewayDNS xccv1.GatewayDNS
	cluster    clusterv1.Cluster
}

func (l live) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	switch object := object.(type) {
	case *xccv1.GatewayDNS:
		l.gatewayDNS.DeepCopyInto(object)
	case *clusterv1.Cluster:
		l.cluster.DeepCopyInto(object)
	}
	return nil
}

// The status was written after the cache was read. What the old project published has to stay until ours is there.
func TestAStatusThatIsNewerThanTheCacheDeletesNothing(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	name := "*.gateway.a.dev.clusters." + zone
	old := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: "dev-a-gateway", Annotations: map[string]string{
			xccv1.DNSHostnameAnnotation: name, xccv1.GatewayDNSRefAnnotation: "dev/gw",
		}},
		AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
	}
	cached := xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "gw"}}
	now := cached
	now.Status.Gateways = []xccv1.GatewayStatus{{Cluster: "a", Hostname: name, State: xccv1.GatewayResolved, Addresses: []string{"192.0.2.1"}}}
	server := live{gatewayDNS: now, cluster: clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a"}}}

	orphaned := func(visible xccv1.GatewayDNS, held ...*discoveryv1.EndpointSlice) bool {
		published := plan.Publish(zone, &visible, nil)
		changes := plan.Compute(zone, published.Gateways(), held, plan.Consumer{Readers: plan.ReadersUnknown})
		g.Expect(changes.Candidates).To(HaveLen(1))
		facts := facts{reader: server, namespace: "dev", zone: zone, compared: published.Gateway}
		result, err := facts.orphaned(t.Context(), changes.Candidates[0])
		g.Expect(err).NotTo(HaveOccurred())
		return result
	}
	g.Expect(orphaned(cached, old)).To(BeFalse(), "ours does not exist")
	ours := plan.Compute(zone, plan.Publish(zone, &now, nil).Gateways(), nil, plan.Consumer{Readers: plan.ReadersUnknown}).Create[0]
	g.Expect(orphaned(now, old, ours)).To(BeTrue(), "ours exists")
}

// dnsServers is a workload cluster's API server that has Pods of dns-servers.
type dnsServers struct {
	client.Reader
	pods []corev1.Pod
	// more says that there are more than fit into a page.
	more bool
	err  error
	// asked is how often it was asked.
	asked int
}

func (c *dnsServers) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	c.asked++
	list.(*corev1.PodList).Items = c.pods
	if c.more {
		list.SetContinue("more")
	}
	return c.err
}

// A cache may not know yet of a Pod of a former release, which reads slices of type FQDN alone.
func TestADNSServerThatTheCacheDoesNotKnowKeepsItsSlices(t *testing.T) {
	t.Parallel()
	current := corev1.Pod{
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: capability.Container, Image: "image"}},
			Containers:     []corev1.Container{{Name: xccv1.DNSServerName, Image: "image"}},
		},
		Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{
			Name: capability.Container, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: capability.All()}},
		}}},
	}
	hostname := "*.gateway.a.dev.clusters." + zone
	gatewayDNS := xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "gw"}, Status: xccv1.GatewayDNSStatus{
		Gateways: []xccv1.GatewayStatus{{Cluster: "a", Hostname: hostname, State: xccv1.GatewayResolved, Addresses: []string{"a.example.com", "b.example.com"}}},
	}}
	published := plan.Publish(zone, &gatewayDNS, nil)
	server := live{gatewayDNS: gatewayDNS, cluster: clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a"}}}
	held := plan.Compute(zone, published.Gateways(), nil, plan.Consumer{Readers: plan.ReadersFormer}).Create[:1]
	candidates := plan.Compute(zone, published.Gateways(), held, plan.Consumer{Readers: plan.ReadersCurrent}).Candidates
	for name, test := range map[string]struct {
		remote   dnsServers
		orphaned bool
	}{
		"all read annotations":           {dnsServers{pods: []corev1.Pod{current, current}}, true},
		"one came that does not":         {dnsServers{pods: []corev1.Pod{current, {}}}, false},
		"there is none any more":         {dnsServers{}, false},
		"there are more than are listed": {dnsServers{pods: []corev1.Pod{current}, more: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(candidates).To(HaveLen(1))
			facts := facts{reader: server, remote: &test.remote, namespace: "dev", zone: zone, compared: published.Gateway}
			for range 2 {
				orphaned, err := facts.orphaned(t.Context(), candidates[0])
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(orphaned).To(Equal(test.orphaned))
			}
			g.Expect(test.remote.asked).To(Equal(1), "once in a reconcile")
		})
	}

	t.Run("they cannot be listed", func(t *testing.T) {
		t.Parallel()
		g := NewWithT(t)
		remote := &dnsServers{err: errors.New("forbidden")}
		facts := facts{reader: server, remote: remote, namespace: "dev", zone: zone, compared: published.Gateway}
		orphaned, err := facts.orphaned(t.Context(), candidates[0])
		g.Expect(err).To(MatchError(ContainSubstring("forbidden")), "it is tried again")
		g.Expect(orphaned).To(BeFalse())
		withdrawn := server
		withdrawn.gatewayDNS.Status.Gateways = []xccv1.GatewayStatus{{Cluster: "a", Hostname: hostname, State: xccv1.GatewayServiceNotFound}}
		facts.reader, facts.gatewayDNS = withdrawn, nil
		g.Expect(facts.orphaned(t.Context(), candidates[0])).To(BeTrue(), "what nothing asks for does not wait")
	})
}
