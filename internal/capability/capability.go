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

// Capability is something that a dns-server reads and that some former release does not.
type Capability string

// Targets is that a dns-server reads host names from the annotation xccv1.TargetsAnnotation.
const Targets Capability = "dns-targets"

const (
	// Container is the name of the init container.
	Container = "capabilities"
	// FileVariable is the environment variable that names the file to write to.
	FileVariable = "XCC_CAPABILITIES_FILE"

	separator = ","
)

// All returns what this build reads, as it is written to the file.
func All() string { return strings.Join([]string{string(Targets)}, separator) }

var (
	// ErrUndecided says that a Pod has not told yet what it reads. It does not serve yet.
	ErrUndecided = errors.New("the Pod has not started its dns-server yet")
	// ErrEnded says that a Pod has ended and never serves again.
	ErrEnded = errors.New("the Pod has ended")
)

// Has returns whether the dns-server of a Pod has a capability. A Pod that does not tell, such as one of a former release, has none.
// The error is ErrUndecided or ErrEnded.
func Has(pod *corev1.Pod, capability Capability) (bool, error) {
	if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return false, ErrEnded
	}
	// Another image in one of the containers makes what the other one says worthless.
	said, serves := imageOf(pod.Spec.InitContainers, Container), imageOf(pod.Spec.Containers, xccv1.DNSServerName)
	if said == "" || said != serves {
		return false, nil
	}
	for i := range pod.Status.InitContainerStatuses {
		status := &pod.Status.InitContainerStatuses[i]
		if ended := status.State.Terminated; status.Name == Container && ended != nil {
			return strings.Contains(separator+ended.Message+separator, separator+string(capability)+separator), nil
		}
	}
	return false, ErrUndecided
}

// imageOf returns the image of a container, and the empty string if there is none.
func imageOf(containers []corev1.Container, name string) string {
	for i := range containers {
		if containers[i].Name == name {
			return containers[i].Image
		}
	}
	return ""
}
