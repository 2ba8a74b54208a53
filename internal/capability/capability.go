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

package capability

import (
	"errors"
	"strings"

	corev1 "k8s.io/api/core/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Capability is a feature of the dns-server that some older releases lack.
type Capability string

const (
	// Targets means that the dns-server reads host names from the annotation
	// xccv1.TargetsAnnotation.
	Targets Capability = "dns-targets"
	// Failover means that the dns-server reads shared names and health checks from the annotation
	// xccv1.FailoverAnnotation.
	Failover Capability = "dns-failover"
)

const (
	// Container is the name of the init container.
	Container = "capabilities"
	// FileVariable is the environment variable that names the file to write to.
	FileVariable = "XCC_CAPABILITIES_FILE"

	separator = ","
)

// All returns the capabilities of this build, separated by commas. It is the content of the file.
func All() string { return strings.Join([]string{string(Targets), string(Failover)}, separator) }

var (
	// ErrUndecided is returned if the init container has not terminated. Such a Pod does not serve
	// yet.
	ErrUndecided = errors.New("the Pod has not started its dns-server yet")
	// ErrEnded is returned if a Pod has succeeded or failed. Such a Pod never serves again.
	ErrEnded = errors.New("the Pod has ended")
)

// Has returns whether the dns-server of a Pod has a capability. A Pod without the init container,
// as older releases have it, has none. The error is ErrUndecided or ErrEnded.
func Has(pod *corev1.Pod, capability Capability) (bool, error) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false, ErrEnded
	}
	// The report is valid only if both containers run the same image.
	reporting, serving := imageOf(pod.Spec.InitContainers, Container), imageOf(pod.Spec.Containers, xccv1.DNSServerName)
	if reporting == "" || reporting != serving {
		return false, nil
	}
	for i := range pod.Status.InitContainerStatuses {
		status := &pod.Status.InitContainerStatuses[i]
		if terminated := status.State.Terminated; status.Name == Container && terminated != nil {
			return strings.Contains(separator+terminated.Message+separator, separator+string(capability)+separator), nil
		}
	}
	return false, ErrUndecided
}

// imageOf returns the image of the named container, or "" if the container does not exist.
func imageOf(containers []corev1.Container, name string) string {
	for i := range containers {
		if containers[i].Name == name {
			return containers[i].Image
		}
	}
	return ""
}
