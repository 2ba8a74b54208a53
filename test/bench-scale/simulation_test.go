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

package main

import (
	"encoding/json"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestParseShape(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(parseShape("10x100")).To(Equal(shape{10, 100}))
	for _, wrong := range []string{"", "10", "x5", "0x5", "5x0", "axb"} {
		_, err := parseShape(wrong)
		g.Expect(err).To(HaveOccurred(), wrong)
	}
	s := shape{2, 3}
	g.Expect(s.neighbours(4)).To(Equal([]int{3, 4, 5}))
	g.Expect(s.namespace(4) + "/" + s.name(4)).To(Equal("team-1/cluster-1"))
}

func TestSamples(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	text := "# HELP requests\nrequests{verb=\"GET\",code=\"200\"} 2\nrequests{verb=\"GET\",code=\"500\"} 1\nrequests{verb=\"PUT\"} 4\ngoroutines 17\n"
	g.Expect(samples(text, "requests", "verb")).To(Equal(map[string]float64{"GET": 3, "PUT": 4}))
	g.Expect(samples(text, "goroutines", "none")).To(Equal(map[string]float64{"": 17}))
}

// TestTheSimulationIsAnAPIServer uses it as the manager does.
func TestTheSimulationIsAnAPIServer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := newSimulation(2)
	t.Cleanup(s.Close)
	clients := func(number int) *kubernetes.Clientset {
		made, err := kubernetes.NewForConfig(&rest.Config{Host: s.address(number), TLSClientConfig: rest.TLSClientConfig{Insecure: true}})
		g.Expect(err).NotTo(HaveOccurred())
		return made
	}
	ctx := t.Context()
	one := clients(1).DiscoveryV1().EndpointSlices("xcc-dns")
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "a"}, AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}},
	}
	created, err := one.Create(ctx, slice, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = one.Create(ctx, slice, metav1.CreateOptions{})
	g.Expect(err).To(MatchError(apierrors.IsAlreadyExists, "AlreadyExists"))
	_, err = clients(0).DiscoveryV1().EndpointSlices("xcc-dns").Get(ctx, "a", metav1.GetOptions{})
	g.Expect(err).To(MatchError(apierrors.IsNotFound, "NotFound"))

	list, err := one.List(ctx, metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(list.Items).To(HaveLen(1))
	g.Expect(list.Items[0].ObjectMeta).To(Equal(created.ObjectMeta))
	watch, err := one.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	g.Expect(err).NotTo(HaveOccurred())
	defer watch.Stop()

	changed := created.DeepCopy()
	changed.Endpoints[0].Addresses[0] = "192.0.2.2"
	updated, err := one.Update(ctx, changed, metav1.UpdateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(updated.UID).To(Equal(created.UID))
	_, err = one.Update(ctx, changed, metav1.UpdateOptions{})
	g.Expect(err).To(MatchError(apierrors.IsConflict, "Conflict"))
	seen := (<-watch.ResultChan()).Object.(*discoveryv1.EndpointSlice)
	g.Expect(seen.ObjectMeta).To(Equal(updated.ObjectMeta))
	g.Expect(seen.Endpoints).To(Equal(changed.Endpoints))
	stale := metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &created.ResourceVersion}}
	g.Expect(one.Delete(ctx, "a", stale)).To(MatchError(apierrors.IsConflict, "Conflict"))
	g.Expect(one.Delete(ctx, "a", metav1.DeleteOptions{})).To(Succeed())
	g.Expect(string((<-watch.ResultChan()).Type)).To(Equal("DELETED"))

	_, err = one.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	g.Expect(err).To(MatchError(apierrors.IsResourceExpired, "Expired"))
	discovered, err := clients(0).Discovery().ServerPreferredResources()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(discovered).NotTo(BeEmpty())
}

func TestClustersShareTheTextOfEqualObjects(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	shared := &texts{}
	body, err := json.Marshal(map[string]any{"kind": "Service", "metadata": map[string]any{"name": "a"}})
	g.Expect(err).NotTo(HaveOccurred())
	var held []string
	for number := range 2 {
		s := newStore(number, shared)
		answer, err := s.put("services", "ns/a", body, true)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(answer)).To(ContainSubstring(`"resourceVersion":"2"`))
		_, err = s.put("services", "ns/a", []byte(strings.Replace(string(answer), `"a"`, `"b"`, 1)), false)
		g.Expect(err).NotTo(HaveOccurred())
		held = append(held, s.kinds["services"]["ns/a"].text)
	}
	g.Expect(held[0]).To(Equal(held[1]))
	g.Expect(held[0]).NotTo(ContainSubstring("resourceVersion"))
	entries := 0
	shared.all.Range(func(any, any) bool { entries++; return true })
	g.Expect(entries).To(Equal(2), "one for each content")
}

func TestArrivalWaitsForTheLastCluster(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	a := newArrival("20.0.0.1", []int{1, 2})
	a.wrote(1, `{"addresses":["20.0.0.1"]}`)
	a.wrote(1, `{"addresses":["20.0.0.1"]}`)
	a.wrote(2, `{"addresses":["20.0.0.11"]}`)
	g.Expect(a.done).NotTo(BeClosed())
	a.wrote(2, `{"addresses":["20.0.0.1"]}`)
	g.Expect(a.done).To(BeClosed())
}
