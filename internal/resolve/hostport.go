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

package resolve

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// hostPort takes the addresses of the nodes on which a ready Pod of the Service has host ports, in the families in which the
// Pod is an endpoint of the Service. While there is none, leaving Pods count. A node that is cordoned counts for as long as its
// Pods do.
//
// EndpointSlices, Pods and nodes are watched each on its own, so that an endpoint can be seen before what it is about. A Pod
// that is not seen makes all of it Unknown: if it is gone, so is its endpoint in a moment. A node that is not seen does so only
// when nothing else is left: one that was deleted has ready endpoints until its Pods are collected, a minute later, and must
// drop out before that.
func hostPort(target Target, objects Objects, found *addresses) Result {
	if objects.Service.Spec.Type == corev1.ServiceTypeExternalName {
		return wrongType(target, string(objects.Service.Spec.Type), "a Service that selects Pods")
	}
	hosts := hostsOf(objects, ready)
	none := noEndpoint("%s has no ready Pod: see its Pods and its EndpointSlices", target)
	if len(hosts.left.reasons) > 0 {
		none = noEndpoint("No ready Pod of %s can be reached through its node: %s", target, &hosts.left)
	}
	switch {
	case len(hosts.unseenPods) > 0:
		return notSeen(target, "Pod", slices.Min(hosts.unseenPods))
	case len(hosts.families) == 0 && len(hosts.unseenNodes) > 0:
		return notSeen(target, "Node", slices.Min(hosts.unseenNodes))
	case len(hosts.families) == 0:
		if hosts = hostsOf(objects, leaving); len(hosts.families) > 0 {
			found.remarks = append(found.remarks, leavingRemark)
		}
	}
	for _, node := range hosts.nodes {
		found.addNode(node, hosts.families[node.Name])
	}
	ports, disputed := hosts.votes.result()
	if disputed != "" {
		found.remarks = append(found.remarks, disputed)
	}
	return found.publish(target, "host ports of its ready Pods", ports, none)
}

// hosts are the nodes that lead to Pods of a Service through host ports.
type hosts struct {
	nodes []*corev1.Node
	// families are those of the Pods' endpoints, by the name of the node.
	families map[string]families
	votes    portVotes
	// left are the Pods that cannot be reached.
	left tally
	// unseenPods and unseenNodes are names that endpoints and Pods refer to.
	unseenPods, unseenNodes []string
}

// hostsOf returns the nodes that lead to the Pods of a readiness.
func hostsOf(objects Objects, wanted readiness) hosts {
	pods, unseenPods := podsBehind(objects, wanted)
	found := hosts{families: map[string]families{}, votes: portVotes{}, unseenPods: unseenPods}
	nodes := map[string]*corev1.Node{}
	for _, node := range objects.Nodes {
		nodes[node.Name] = node
	}
	for pod, behind := range pods {
		node := nodes[pod.Spec.NodeName]
		switch {
		case objects.Service.Spec.PublishNotReadyAddresses && podReadiness(pod) != wanted:
			found.left.add("not ready, which spec.publishNotReadyAddresses hides")
		case node == nil:
			found.unseenNodes = append(found.unseenNodes, pod.Spec.NodeName)
		case unusable(node) != "":
			found.left.add("on a node that is " + unusable(node))
		case len(behind.ports) == 0:
			found.left.add("without a hostPort for a target port of the Service")
		default:
			if found.families[node.Name] == 0 {
				found.nodes = append(found.nodes, node)
			}
			found.families[node.Name] |= behind.families
			found.votes.add(behind.ports)
		}
	}
	return found
}

// backend is what the endpoints of a Pod say of it.
type backend struct {
	// ports are the host ports of the Pod, each by the name of the Service's port.
	ports []xccv1.GatewayPort
	// families are those of the endpoints that a host port leads to.
	families families
}

// podsBehind returns the Pods behind the endpoints of a readiness, and the names of those that are not seen, or not as they are
// now: not on a node yet, or the former ones of their names. With spec.publishNotReadyAddresses every endpoint is called ready,
// so that the Pods have to be asked.
func podsBehind(objects Objects, wanted readiness) (behind map[*corev1.Pod]backend, unseen []string) {
	if objects.Service.Spec.PublishNotReadyAddresses {
		wanted = ready
	}
	pods := map[types.NamespacedName]*corev1.Pod{}
	for _, pod := range objects.Pods {
		pods[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = pod
	}
	behind = map[*corev1.Pod]backend{}
	byPod := map[*corev1.Pod]hostPorts{}
	served := servedFamilies(objects.Service)
	for _, slice := range objects.Slices {
		family := endpointFamily(slice) & served
		if family == 0 {
			continue
		}
		for i := range slice.Endpoints {
			endpoint := &slice.Endpoints[i]
			if readinessOf(endpoint) != wanted || endpoint.TargetRef == nil || endpoint.TargetRef.Kind != "Pod" {
				continue
			}
			ref := endpoint.TargetRef
			pod := pods[types.NamespacedName{Namespace: slice.Namespace, Name: ref.Name}]
			if pod == nil || pod.Spec.NodeName == "" || ref.UID != "" && ref.UID != pod.UID {
				unseen = append(unseen, ref.Name)
				continue
			}
			if byPod[pod] == nil {
				byPod[pod] = hostPortsOf(pod)
			}
			known := behind[pod]
			var isLed bool
			if known.ports, isLed = byPod[pod].lead(known.ports, pod, family, slice.Ports); isLed {
				known.families |= family
			}
			behind[pod] = known
		}
	}
	return behind, unseen
}

// containerPort is a port of a Pod's containers in an IP family.
type containerPort struct {
	number   int32
	protocol corev1.Protocol
	family   families
}

// hostPorts are the ports of the node that lead to the ports of a Pod. A port that is bound to an address of the node is one in the
// family of that address alone, and none if it is a loopback address.
type hostPorts map[containerPort]int32

func hostPortsOf(pod *corev1.Pod) hostPorts {
	found := hostPorts{}
	for _, container := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		for _, port := range container.Ports {
			ip, err := netip.ParseAddr(port.HostIP)
			if port.HostPort == 0 || err == nil && ip.Unmap().IsLoopback() {
				continue
			}
			bound := cmp.Or(familyOf(ip), bothFamilies)
			for _, family := range []families{ipv4, ipv6} {
				key := containerPort{port.ContainerPort, cmp.Or(port.Protocol, corev1.ProtocolTCP), family}
				if _, known := found[key]; !known && bound&family != 0 {
					found[key] = port.HostPort
				}
			}
		}
	}
	return found
}

// lead adds the host ports that lead to the given ports of a Pod, in the family of its endpoint, to those that are known. It returns
// whether there are any. It looks at the first fit.MaxPorts of a slice, and a Pod has no more, because each of thousands of endpoints
// may refer to it.
func (h hostPorts) lead(
	known []xccv1.GatewayPort, pod *corev1.Pod, family families, wanted []discoveryv1.EndpointPort,
) (all []xccv1.GatewayPort, isLed bool) {
	for _, port := range wanted[:min(len(wanted), fit.MaxPorts)] {
		number, protocol := ptr.Deref(port.Port, 0), ptr.Deref(port.Protocol, corev1.ProtocolTCP)
		hostPort, ok := h[containerPort{number, protocol, family}]
		if !ok && pod.Spec.HostNetwork {
			hostPort = number
		}
		if hostPort == 0 {
			continue
		}
		isLed = true
		found := xccv1.GatewayPort{Name: ptr.Deref(port.Name, ""), Protocol: string(protocol), Port: hostPort}
		if len(known) < fit.MaxPorts && !slices.Contains(known, found) {
			known = append(known, found)
		}
	}
	return known, isLed
}

// portVotes counts, for each name and protocol, how many Pods have which host port: during a rollout that changes it they
// differ, and an address has one port.
type portVotes map[xccv1.GatewayPort]map[int32]int

func (v portVotes) add(ports []xccv1.GatewayPort) {
	for _, port := range ports {
		key := xccv1.GatewayPort{Name: port.Name, Protocol: port.Protocol}
		if !fit.Port(port) {
			key = port // It is left out, and has no vote against one that is not.
		}
		if v[key] == nil {
			v[key] = map[int32]int{}
		}
		v[key][port.Port]++
	}
}

// result returns the ports that most Pods have, the lowest of several, and says where they differ.
func (v portVotes) result() (ports []xccv1.GatewayPort, disputed string) {
	for key, votes := range v {
		numbers := slices.SortedFunc(maps.Keys(votes), func(a, b int32) int {
			return cmp.Or(cmp.Compare(votes[b], votes[a]), cmp.Compare(a, b))
		})
		key.Port = numbers[0]
		ports = append(ports, key)
		if len(numbers) > 1 {
			disputed = "The ready Pods have different host ports: the one that most of them have is published"
		}
	}
	return ports, disputed
}
