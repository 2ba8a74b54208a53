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

// hostPort returns the addresses of the nodes on which ready Pods of the Service have host ports,
// in the families of the Pods' endpoints. If no Pod is ready, terminating Pods count. Cordoned
// nodes count, too.
//
// EndpointSlices, Pods and Nodes have separate watches, so an endpoint may be cached before its Pod
// or its Node. If a Pod is missing, the result is Unknown: either the Pod or the endpoint's
// deletion arrives soon. If a Node is missing, the result is Unknown only if no other node is left.
// The endpoints of a deleted Node stay ready for about a minute, until its Pods are
// garbage-collected, and must not be published meanwhile.
func hostPort(target Target, objects Objects, found *addresses) Result {
	if objects.Service.Spec.Type == corev1.ServiceTypeExternalName {
		return wrongType(target, string(objects.Service.Spec.Type), "a Service that selects Pods")
	}
	hosts := hostsOf(objects, ready)
	none := noEndpoint("%s has no ready Pod: see its Pods and its EndpointSlices", target)
	if len(hosts.leftOut.reasons) > 0 {
		none = noEndpoint("No ready Pod of %s can be reached through its node: %s", target, &hosts.leftOut)
	}
	switch {
	case len(hosts.missingPods) > 0:
		return notCached(target, "Pod", slices.Min(hosts.missingPods))
	case len(hosts.families) == 0 && len(hosts.missingNodes) > 0:
		return notCached(target, "Node", slices.Min(hosts.missingNodes))
	case len(hosts.families) == 0:
		if hosts = hostsOf(objects, terminating); len(hosts.families) > 0 {
			found.remarks = append(found.remarks, terminatingRemark)
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

// hosts are the nodes with host ports for a Service's Pods.
type hosts struct {
	nodes []*corev1.Node
	// families are those of the Pods' endpoints, by the name of the node.
	families map[string]families
	votes    portVotes
	// leftOut counts the Pods that cannot be reached.
	leftOut tally
	// missingPods and missingNodes are names without an object in the cache.
	missingPods, missingNodes []string
}

// hostsOf returns the nodes of the Pods with the given readiness.
func hostsOf(objects Objects, wanted readiness) hosts {
	pods, missingPods := podsBehind(objects, wanted)
	found := hosts{families: map[string]families{}, votes: portVotes{}, missingPods: missingPods}
	nodes := map[string]*corev1.Node{}
	for _, node := range objects.Nodes {
		nodes[node.Name] = node
	}
	for pod, behind := range pods {
		node := nodes[pod.Spec.NodeName]
		switch {
		case objects.Service.Spec.PublishNotReadyAddresses && podReadiness(pod) != wanted:
			found.leftOut.add("not ready, which spec.publishNotReadyAddresses hides")
		case node == nil:
			found.missingNodes = append(found.missingNodes, pod.Spec.NodeName)
		case unusable(node) != "":
			found.leftOut.add("on a node that is " + unusable(node))
		case len(behind.ports) == 0:
			found.leftOut.add("without a hostPort for a target port of the Service")
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

// backend is the union of a Pod's endpoints.
type backend struct {
	// ports are the host ports of the Pod, with the names of the Service's ports.
	ports []xccv1.GatewayPort
	// families are those of the endpoints with a host port.
	families families
}

// podsBehind returns the Pods of the endpoints with the given readiness. missing are the names of
// Pods that are not cached, not scheduled yet, or cached with another UID. If
// spec.publishNotReadyAddresses is set, every endpoint is reported as ready, and the caller must
// check the Pods.
func podsBehind(objects Objects, wanted readiness) (behind map[*corev1.Pod]backend, missing []string) {
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
				missing = append(missing, ref.Name)
				continue
			}
			if byPod[pod] == nil {
				byPod[pod] = hostPortsOf(pod)
			}
			known := behind[pod]
			var isReachable bool
			if known.ports, isReachable = byPod[pod].appendPorts(known.ports, pod, family, slice.Ports); isReachable {
				known.families |= family
			}
			behind[pod] = known
		}
	}
	return behind, missing
}

// containerPort is a port of a container in an IP family.
type containerPort struct {
	number   int32
	protocol corev1.Protocol
	family   families
}

// hostPorts are the host ports for the ports of a Pod's containers. A hostIP limits the port to its
// family. Ports on a loopback address are left out.
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

// appendPorts appends the host ports for a slice's ports in the family of the endpoint, and returns
// whether there are any. It reads at most fit.MaxPorts ports of a slice and keeps as many per Pod,
// because thousands of endpoints may refer to one Pod.
func (h hostPorts) appendPorts(
	known []xccv1.GatewayPort, pod *corev1.Pod, family families, wanted []discoveryv1.EndpointPort,
) (all []xccv1.GatewayPort, isReachable bool) {
	for _, port := range wanted[:min(len(wanted), fit.MaxPorts)] {
		number, protocol := ptr.Deref(port.Port, 0), ptr.Deref(port.Protocol, corev1.ProtocolTCP)
		hostPort, ok := h[containerPort{number, protocol, family}]
		if !ok && pod.Spec.HostNetwork {
			hostPort = number
		}
		if hostPort == 0 {
			continue
		}
		isReachable = true
		found := xccv1.GatewayPort{Name: ptr.Deref(port.Name, ""), Protocol: string(protocol), Port: hostPort}
		if len(known) < fit.MaxPorts && !slices.Contains(known, found) {
			known = append(known, found)
		}
	}
	return known, isReachable
}

// portVotes counts the Pods by host port, for each name and protocol of a port. The host ports
// differ during a rollout that changes them, but only one can be published.
type portVotes map[xccv1.GatewayPort]map[int32]int

func (v portVotes) add(ports []xccv1.GatewayPort) {
	for _, port := range ports {
		key := xccv1.GatewayPort{Name: port.Name, Protocol: port.Protocol}
		if !fit.Port(port) {
			key = port // Package fit leaves out an invalid port. It must not win against a valid one.
		}
		if v[key] == nil {
			v[key] = map[int32]int{}
		}
		v[key][port.Port]++
	}
}

// result returns the most frequent port of each name and protocol, and a remark if Pods differ. The
// lowest port wins a tie.
func (v portVotes) result() (ports []xccv1.GatewayPort, disputed string) {
	for key, votes := range v {
		numbers := slices.SortedFunc(maps.Keys(votes), func(a, b int32) int {
			return cmp.Or(cmp.Compare(votes[b], votes[a]), cmp.Compare(a, b))
		})
		key.Port = numbers[0]
		ports = append(ports, key)
		if len(numbers) > 1 {
			disputed = "The ready Pods have different host ports: the most frequent one is published"
		}
	}
	return ports, disputed
}
