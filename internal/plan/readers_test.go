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
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/plan"
)

func serverPod(message string) *corev1.Pod {
	return &corev1.Pod{
		Spec: corev1.PodSpec{
			InitContainers: []corev1.Container{{Name: capability.Container, Image: "image"}},
			Containers:     []corev1.Container{{Name: xccv1.DNSServerName, Image: "image"}},
		},
		Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{
			Name: capability.Container, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message}},
		}}},
	}
}

func TestReadersOf(t *testing.T) {
	t.Parallel()
	current, pinned, leaving, ended := serverPod(capability.All()), serverPod(""), serverPod(""), serverPod("")
	leaving.DeletionTimestamp = &metav1.Time{}
	ended.Status.Phase = corev1.PodFailed
	starting := serverPod("")
	starting.Status.InitContainerStatuses = nil
	for name, test := range map[string]struct {
		pods    []*corev1.Pod
		readers plan.Readers
	}{
		"no Pod":                          {nil, plan.ReadersUnknown},
		"all Pods are starting":           {[]*corev1.Pod{starting, starting}, plan.ReadersUnknown},
		"all Pods are current":            {[]*corev1.Pod{current, current}, plan.ReadersCurrent},
		"one Pod ignores shared names":    {[]*corev1.Pod{current, serverPod("dns-targets")}, plan.ReadersTargets},
		"one Pod ignores all annotations": {[]*corev1.Pod{serverPod("dns-targets"), {}, current}, plan.ReadersFormer},
		"one Pod is starting":             {[]*corev1.Pod{current, starting}, plan.ReadersCurrent},
		"one Pod is of a former release":  {[]*corev1.Pod{current, {}}, plan.ReadersFormer},
		"a former Pod is being deleted":   {[]*corev1.Pod{current, leaving}, plan.ReadersFormer},
		"a former Pod has ended":          {[]*corev1.Pod{current, ended}, plan.ReadersCurrent},
		"one Pod has a former image":      {[]*corev1.Pod{pinned, current}, plan.ReadersFormer},
		"all Pods have ended":             {[]*corev1.Pod{ended}, plan.ReadersUnknown},
		"all Pods are of former releases": {[]*corev1.Pod{{}, {}}, plan.ReadersFormer},
		"a starting Pod and a former one": {[]*corev1.Pod{starting, {}}, plan.ReadersFormer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(plan.ReadersOf(test.pods)).To(Equal(test.readers))
			slices.Reverse(test.pods)
			g.Expect(plan.ReadersOf(test.pods)).To(Equal(test.readers))
		})
	}
}

// outline returns each slice as "type endpoints -> targets".
func outline(all []*discoveryv1.EndpointSlice) []string {
	var lines []string
	for _, slice := range all {
		line := []string{string(slice.AddressType)}
		for _, endpoint := range slice.Endpoints {
			line = append(line, endpoint.Addresses...)
		}
		if targets, ok := slice.Annotations[xccv1.TargetsAnnotation]; ok {
			line = append(line, "->", targets)
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return lines
}

// written returns the slices of a resolved gateway for the readers.
func written(readers plan.Readers, addresses ...string) []discoveryv1.EndpointSlice {
	var slices []discoveryv1.EndpointSlice
	visible := []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, addresses...))}
	for _, slice := range compute(visible, nil, readers).Create {
		slices = append(slices, *slice)
	}
	return slices
}

// edited replaces the annotation with the host names.
func edited(held []discoveryv1.EndpointSlice, targets string) []discoveryv1.EndpointSlice {
	held[0].Annotations[xccv1.TargetsAnnotation] = targets
	return held
}

func TestHostNamesAreWrittenWhereTheReadersLook(t *testing.T) {
	t.Parallel()
	former, current, unknown := plan.ReadersFormer, plan.ReadersCurrent, plan.ReadersUnknown
	const lb, ip = "lb.example.com", "192.0.2.1"
	both := slices.Concat(written(former, lb), written(current, lb))
	for name, test := range map[string]struct {
		readers   plan.Readers
		state     xccv1.GatewayState
		addresses []string
		held      []discoveryv1.EndpointSlice

		create, update, candidates []string
	}{
		"former readers":                 {readers: former, addresses: []string{lb}, create: []string{"FQDN " + lb}},
		"current readers":                {readers: current, addresses: []string{"a.example.com", lb}, create: []string{"IPv4 -> a.example.com," + lb}},
		"unknown readers":                {readers: unknown, addresses: []string{lb}, create: []string{"FQDN " + lb}},
		"current readers, all addresses": {readers: current, addresses: []string{ip, "2001:db8::1", lb}, create: []string{"IPv4 " + ip + " -> " + lb, "IPv6 2001:db8::1"}},
		"current readers, IPv6":          {readers: current, addresses: []string{"2001:db8::1", lb}, create: []string{"IPv4 -> " + lb, "IPv6 2001:db8::1"}},
		"current readers, no host name":  {readers: current, addresses: []string{ip}, create: []string{"IPv4 " + ip}},

		"from former to current":                         {readers: current, addresses: []string{lb}, held: written(former, lb), create: []string{"IPv4 -> " + lb}, candidates: []string{"FQDN " + lb}},
		"from former to current, with addresses":         {readers: current, addresses: []string{ip, lb}, held: written(former, ip, lb), update: []string{"IPv4 " + ip + " -> " + lb}, candidates: []string{"FQDN " + lb}},
		"from former to current, half applied":           {readers: current, addresses: []string{lb}, held: both, candidates: []string{"FQDN " + lb}},
		"from former to current, with another host name": {readers: current, addresses: []string{lb}, held: written(former, "old.example.com"), create: []string{"IPv4 -> " + lb}, candidates: []string{"FQDN old.example.com"}},
		"from current to former":                         {readers: former, addresses: []string{lb}, held: written(current, lb), create: []string{"FQDN " + lb}, candidates: []string{"IPv4 -> " + lb}},
		"from current to former, with addresses":         {readers: former, addresses: []string{ip, lb}, held: written(current, ip, lb), create: []string{"FQDN " + lb}, update: []string{"IPv4 " + ip}},

		"unknown readers keep slices of type FQDN": {readers: unknown, addresses: []string{lb}, held: written(former, lb)},
		"unknown readers keep annotations":         {readers: unknown, addresses: []string{lb}, held: written(current, lb)},
		"unknown readers keep both":                {readers: unknown, addresses: []string{lb}, held: both},
		"unknown readers get a new host name at the old placement": {
			readers: unknown, addresses: []string{lb}, held: written(current, "old.example.com"), update: []string{"IPv4 -> " + lb},
		},
		"unknown readers get a new host name at both placements": {
			readers: unknown, addresses: []string{"new.example.com"}, held: both, update: []string{"IPv4 -> new.example.com", "FQDN new.example.com"},
		},

		"from an address to a host name":               {readers: current, addresses: []string{lb}, held: written(current, ip), update: []string{"IPv4 -> " + lb}},
		"from a host name to an address":               {readers: current, addresses: []string{ip}, held: written(current, lb), update: []string{"IPv4 " + ip}},
		"from a host name to an address, unknown":      {readers: unknown, addresses: []string{ip}, held: written(current, lb), update: []string{"IPv4 " + ip}},
		"an unknown gateway keeps slices of type FQDN": {readers: current, state: xccv1.GatewayUnknown, held: written(former, lb)},
		"an unknown gateway keeps annotations":         {readers: current, state: xccv1.GatewayUnknown, held: written(current, lb)},
		"an unknown gateway's annotation is copied for former readers": {
			readers: former, state: xccv1.GatewayUnknown, held: written(current, lb), create: []string{"FQDN " + lb},
		},
		"an unreachable gateway's annotation is copied for former readers": {
			readers: former, state: xccv1.GatewayUnreachable, held: written(current, ip, lb), create: []string{"FQDN " + lb},
		},
		"only the valid names of an edited annotation are copied": {
			readers: former, state: xccv1.GatewayUnknown, held: edited(written(current, lb), "a b,"+strings.Repeat("a", 1<<18)+",,"+lb), create: []string{"FQDN " + lb},
		},
		"an annotation without a valid name is not copied": {readers: former, state: xccv1.GatewayUnknown, held: edited(written(current, ip), " , a b")},
		"an unknown gateway has both placements":           {readers: former, state: xccv1.GatewayUnknown, held: both},
		"an unknown gateway without a host name":           {readers: former, state: xccv1.GatewayUnknown, held: written(current, ip)},
		"a gateway without addresses":                      {readers: current, state: xccv1.GatewayNoAddress, held: written(current, lb), candidates: []string{"IPv4 -> " + lb}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			if test.state == "" {
				test.state = xccv1.GatewayResolved
			}
			visible := []xccv1.GatewayDNS{gatewayDNS("gw", gateway("a", test.state, test.addresses...))}
			changes := compute(visible, test.held, test.readers)
			g.Expect(outline(changes.Create)).To(Equal(test.create))
			g.Expect(outline(changes.Update)).To(Equal(test.update))
			g.Expect(outline(changes.Candidates)).To(Equal(test.candidates))
			g.Expect(changes.Replace).To(BeEmpty())

			t.Log("Once the plan is applied, nothing is left to do")
			done := after(test.held, changes)
			all := strings.Join(append(outline(pointers(done)), test.addresses...), " ")
			g.Expect(hasHostNames(visible, done)).To(Equal(strings.Contains(all, "example.com") || strings.Contains(all, "->")))
			again := compute(visible, done, test.readers)
			g.Expect(again.Empty()).To(BeTrue(), "%+v", again)
		})
	}
}

func pointers(held []discoveryv1.EndpointSlice) []*discoveryv1.EndpointSlice {
	var all []*discoveryv1.EndpointSlice
	for i := range held {
		all = append(all, &held[i])
	}
	return all
}

// after returns the held slices once the plan is applied and all candidates are deleted.
// hasHostNames returns whether a status or a slice has host names.
func hasHostNames(visible []xccv1.GatewayDNS, held []discoveryv1.EndpointSlice) bool {
	for i := range visible {
		if slices.ContainsFunc(plan.Publish(zone, &visible[i], nil).Gateways(), (*plan.Gateway).DependsOnReaders) {
			return true
		}
	}
	return slices.ContainsFunc(pointers(held), plan.HoldsHostNames)
}

func after(held []discoveryv1.EndpointSlice, changes plan.Plan) []discoveryv1.EndpointSlice {
	byName := map[string]discoveryv1.EndpointSlice{}
	for _, slice := range slices.Concat(pointers(held), changes.Create, changes.Update) {
		byName[slice.Name] = *slice
	}
	for _, slice := range changes.Candidates {
		delete(byName, slice.Name)
	}
	var done []discoveryv1.EndpointSlice
	for _, slice := range byName {
		done = append(done, slice)
	}
	return done
}

func TestASliceThatADNSServerMayReadIsNotOrphaned(t *testing.T) {
	t.Parallel()
	former, current, unknown := plan.ReadersFormer, plan.ReadersCurrent, plan.ReadersUnknown
	const lb, ip = "lb.example.com", "192.0.2.1"
	for name, test := range map[string]struct {
		held      discoveryv1.EndpointSlice
		readers   plan.Readers
		addresses []string
		orphaned  bool
	}{
		"type FQDN, current readers":                {written(former, lb)[0], current, []string{lb}, true},
		"type FQDN, former readers":                 {written(former, lb)[0], former, []string{lb}, false},
		"type FQDN, unknown readers":                {written(former, lb)[0], unknown, []string{lb}, false},
		"type FQDN, unknown readers, no host names": {written(former, lb)[0], unknown, []string{ip}, true},
		"annotation, former readers":                {written(current, lb)[0], former, []string{lb}, true},
		"annotation, current readers":               {written(current, lb)[0], current, []string{lb}, false},
		"annotation, unknown readers":               {written(current, lb)[0], unknown, []string{lb}, false},
		"former addresses, unknown readers":         {written(current, ip)[0], unknown, []string{lb}, true},
		"former addresses, former readers":          {written(current, ip)[0], former, []string{lb}, true},
		"former addresses, current readers":         {written(current, ip)[0], current, []string{lb}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			live := gatewayDNS("gw", gateway("a", xccv1.GatewayResolved, test.addresses...))
			cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: "dev", Name: "a", Labels: map[string]string{"gateway": "true"}}}
			g.Expect(orphaned(&test.held, &live, cluster, []xccv1.GatewayDNS{live}, test.readers)).To(Equal(test.orphaned))
		})
	}
}
