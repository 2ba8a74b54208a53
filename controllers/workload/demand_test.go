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
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
)

// The Pods of dns-servers become ready and unready as they like, and only what they read is of interest.
func TestPodsOfDNSServersAreCutDownToWhatTheyRead(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	trimmed := func(change func(*corev1.Pod)) *corev1.Pod {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "xcc-dns", Name: "dns-server-1", UID: "1", Annotations: map[string]string{"a": "b"}},
			Spec: corev1.PodSpec{
				NodeName:       "node",
				InitContainers: []corev1.Container{{Name: capability.Container, Image: "image", Args: []string{"--version"}}},
				Containers:     []corev1.Container{{Name: "dns-server", Image: "image"}, {Name: "proxy", Image: "other"}},
			},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, InitContainerStatuses: []corev1.ContainerStatus{{
				Name: capability.Container, ImageID: "sha256:1",
				State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: capability.All()}},
			}}},
		}
		change(pod)
		out, err := DNSServers.trim(pod)
		g.Expect(err).NotTo(HaveOccurred())
		return out.(*corev1.Pod)
	}
	same := func(*corev1.Pod) {}
	has, err := capability.Has(trimmed(same), capability.Targets)
	g.Expect(has, err).To(BeTrue())
	g.Expect(trimmed(func(pod *corev1.Pod) {
		pod.Spec.NodeName, pod.Annotations = "", nil
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		pod.Status.InitContainerStatuses[0].RestartCount++
	})).To(Equal(trimmed(same)))
	for _, change := range []func(*corev1.Pod){
		func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = "other" },
		func(pod *corev1.Pod) { pod.Spec.InitContainers = nil },
		func(pod *corev1.Pod) { pod.Status.InitContainerStatuses = nil },
		func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed },
	} {
		pod := trimmed(change)
		has, err := capability.Has(pod, capability.Targets)
		g.Expect(has && err == nil).To(BeFalse())
		g.Expect(pod).NotTo(Equal(trimmed(same)))
	}
	long := trimmed(func(pod *corev1.Pod) {
		pod.Status.InitContainerStatuses[0].State.Terminated.Message = strings.Repeat("a", 1<<20)
	})
	g.Expect(len(long.Status.InitContainerStatuses[0].State.Terminated.Message)).To(BeNumerically("<=", 4096))
}
