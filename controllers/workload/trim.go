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

package workload

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/resolve"
)

// maxCapabilities is the longest message of a container that is cached, in bytes; the kubelet's limit is 4096.
const maxCapabilities = 4096

// trim returns what is cached of an object that is watched as the kind.
func (k Kind) trim(in any) (any, error) {
	if pod, ok := in.(*corev1.Pod); ok && k == DNSServers {
		return trimDNSServer(pod), nil
	}
	return Trim(in)
}

// Trim returns what is cached of an object: what decides a gateway's addresses and ports or what cluster DNS reads, and what a cache
// needs.
func Trim(in any) (any, error) {
	switch object := in.(type) {
	case *corev1.Service:
		return trimService(object), nil
	case *corev1.Node:
		return trimNode(object), nil
	case *corev1.Pod:
		return trimPod(object), nil
	case *discoveryv1.EndpointSlice:
		return &discoveryv1.EndpointSlice{
			ObjectMeta: identity(object), AddressType: object.AddressType, Ports: object.Ports, Endpoints: object.Endpoints,
		}, nil
	case *appsv1.Deployment:
		return &appsv1.Deployment{
			ObjectMeta: identity(object), Spec: appsv1.DeploymentSpec{Template: trimTemplate(object.Spec.Template)},
		}, nil
	case *appsv1.DaemonSet:
		return &appsv1.DaemonSet{
			ObjectMeta: identity(object), Spec: appsv1.DaemonSetSpec{Template: trimTemplate(object.Spec.Template)},
		}, nil
	case *corev1.ConfigMap:
		trimmed := &corev1.ConfigMap{ObjectMeta: identity(object), Data: object.Data, BinaryData: object.BinaryData}
		trimmed.OwnerReferences = object.OwnerReferences
		return trimmed, nil
	case *unstructured.Unstructured:
		return trimUnstructured(object), nil
	}
	return in, nil
}

func identity(object metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID(), ResourceVersion: object.GetResourceVersion(),
		DeletionTimestamp: object.GetDeletionTimestamp(),
	}
}

// trimService keeps what decides a gateway's addresses and ports.
func trimService(service *corev1.Service) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: identity(service),
		Spec: corev1.ServiceSpec{
			Type:                     service.Spec.Type,
			Ports:                    service.Spec.Ports,
			Selector:                 service.Spec.Selector,
			ExternalIPs:              service.Spec.ExternalIPs,
			ClusterIP:                service.Spec.ClusterIP,
			ClusterIPs:               service.Spec.ClusterIPs,
			IPFamilies:               service.Spec.IPFamilies,
			ExternalTrafficPolicy:    service.Spec.ExternalTrafficPolicy,
			PublishNotReadyAddresses: service.Spec.PublishNotReadyAddresses,
		},
		Status: corev1.ServiceStatus{LoadBalancer: service.Status.LoadBalancer},
	}
}

func trimNode(node *corev1.Node) *corev1.Node {
	trimmed := &corev1.Node{
		ObjectMeta: identity(node),
		Spec:       corev1.NodeSpec{Unschedulable: node.Spec.Unschedulable},
		Status:     corev1.NodeStatus{Addresses: node.Status.Addresses},
	}
	for _, key := range [...]string{corev1.LabelNodeExcludeBalancers, resolve.ComputeTypeLabel} {
		if value, ok := node.Labels[key]; ok {
			metav1.SetMetaDataLabel(&trimmed.ObjectMeta, key, value)
		}
	}
	for _, taint := range node.Spec.Taints {
		trimmed.Spec.Taints = append(trimmed.Spec.Taints, corev1.Taint{Key: taint.Key})
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			// Without the times, which change with every report of the node.
			trimmed.Status.Conditions = []corev1.NodeCondition{{Type: condition.Type, Status: condition.Status}}
		}
	}
	return trimmed
}

func trimPod(pod *corev1.Pod) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: identity(pod),
		Spec: corev1.PodSpec{
			NodeName: pod.Spec.NodeName, HostNetwork: pod.Spec.HostNetwork,
			Containers: trimContainers(pod.Spec.Containers), InitContainers: trimContainers(pod.Spec.InitContainers),
		},
		Status: corev1.PodStatus{Conditions: trimPodConditions(pod.Status.Conditions)},
	}
}

// trimTemplate keeps which Services select a Pod, how its containers are started and what they read.
func trimTemplate(template corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	trimmed := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: template.Labels},
		Spec:       corev1.PodSpec{HostNetwork: template.Spec.HostNetwork, Volumes: template.Spec.Volumes},
	}
	for _, container := range template.Spec.Containers {
		trimmed.Spec.Containers = append(trimmed.Spec.Containers, corev1.Container{
			Image: container.Image, Command: container.Command, Args: container.Args, WorkingDir: container.WorkingDir, VolumeMounts: container.VolumeMounts,
		})
	}
	return trimmed
}

// trimDNSServer keeps what tells what the dns-server in the Pod reads. Whether it is ready is of no interest.
func trimDNSServer(pod *corev1.Pod) *corev1.Pod {
	trimmed := &corev1.Pod{ObjectMeta: identity(pod), Status: corev1.PodStatus{Phase: pod.Status.Phase}}
	for _, container := range pod.Spec.InitContainers {
		trimmed.Spec.InitContainers = append(trimmed.Spec.InitContainers, corev1.Container{Name: container.Name, Image: container.Image})
	}
	for _, container := range pod.Spec.Containers {
		trimmed.Spec.Containers = append(trimmed.Spec.Containers, corev1.Container{Name: container.Name, Image: container.Image})
	}
	for _, status := range pod.Status.InitContainerStatuses {
		ended := status.State.Terminated
		if status.Name != capability.Container || ended == nil {
			continue
		}
		message := ended.Message[:min(len(ended.Message), maxCapabilities)]
		trimmed.Status.InitContainerStatuses = append(trimmed.Status.InitContainerStatuses, corev1.ContainerStatus{
			Name: status.Name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: message}},
		})
	}
	return trimmed
}

// trimPodConditions keeps whether a Pod is ready, without times and messages.
func trimPodConditions(conditions []corev1.PodCondition) []corev1.PodCondition {
	for _, condition := range conditions {
		if condition.Type == corev1.PodReady {
			return []corev1.PodCondition{{Type: condition.Type, Status: condition.Status}}
		}
	}
	return nil
}

func trimContainers(containers []corev1.Container) []corev1.Container {
	var trimmed []corev1.Container
	for _, container := range containers {
		if len(container.Ports) > 0 {
			trimmed = append(trimmed, corev1.Container{Ports: container.Ports})
		}
	}
	return trimmed
}

// sameButVersion returns whether two trimmed objects differ in nothing but their version.
func sameButVersion(a, b any, equal func(a, b any) bool) bool {
	before, ok := a.(metav1.Object)
	after, ok2 := b.(metav1.Object)
	return ok && ok2 && equal(withoutVersion(before), withoutVersion(after))
}

func withoutVersion(object metav1.Object) any {
	switch object := object.(type) {
	case *corev1.Service:
		return copyWithoutVersion(object)
	case *corev1.Node:
		return copyWithoutVersion(object)
	case *corev1.Pod:
		return copyWithoutVersion(object)
	case *discoveryv1.EndpointSlice:
		return copyWithoutVersion(object)
	case *appsv1.Deployment:
		return copyWithoutVersion(object)
	case *appsv1.DaemonSet:
		return copyWithoutVersion(object)
	case *corev1.ConfigMap:
		return copyWithoutVersion(object)
	case *unstructured.Unstructured:
		return unstructuredWithoutVersion(object)
	}
	return string(object.GetUID()) + object.GetResourceVersion()
}

// copyWithoutVersion returns a shallow copy of an object that has no resourceVersion.
func copyWithoutVersion[T any, P interface {
	*T
	metav1.Object
}](object P) T {
	copied := *object
	P(&copied).SetResourceVersion("")
	return copied
}
