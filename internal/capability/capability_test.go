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

package capability_test

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/capability"
)

func TestHas(t *testing.T) {
	t.Parallel()
	const image = "registry.example.com/xcc-dns:v1"
	for name, test := range map[string]struct {
		change func(*corev1.Pod)
		has    bool
		err    error
	}{
		"the Pod reports the capability":   {has: true},
		"the capability is one of several": {change: func(p *corev1.Pod) { terminated(p).Message = "a,dns-targets,b" }, has: true},
		"an older release has no init container": {change: func(p *corev1.Pod) {
			p.Spec.InitContainers, p.Status.InitContainerStatuses = nil, nil
		}},
		"the image of an older release leaves the message empty": {change: func(p *corev1.Pod) { terminated(p).Message = "" }},
		"the containers run different images":                    {change: func(p *corev1.Pod) { p.Spec.Containers[1].Image = "registry.example.com/xcc-dns:v0" }},
		"the capability is only a suffix of another":             {change: func(p *corev1.Pod) { terminated(p).Message = "no-dns-targets" }},
		"a message of a megabyte of separators":                  {change: func(p *corev1.Pod) { terminated(p).Message = strings.Repeat(",", 1<<20) }},
		"another init container reports the capability": {change: func(p *corev1.Pod) {
			p.Status.InitContainerStatuses[0].Name = "istio-init"
		}, err: capability.ErrUndecided},
		"no container is named dns-server":       {change: func(p *corev1.Pod) { p.Spec.Containers[1].Name = "server" }},
		"the init container has not started yet": {change: func(p *corev1.Pod) { p.Status.InitContainerStatuses = nil }, err: capability.ErrUndecided},
		"the init container is still running": {change: func(p *corev1.Pod) {
			p.Status.InitContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		}, err: capability.ErrUndecided},
		"the Pod was evicted": {change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, err: capability.ErrEnded},
		"an empty Pod":        {change: func(p *corev1.Pod) { *p = corev1.Pod{} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			pod := &corev1.Pod{
				Spec: corev1.PodSpec{
					InitContainers: []corev1.Container{{Name: "capabilities", Image: image}},
					Containers:     []corev1.Container{{Name: "sidecar", Image: "other"}, {Name: "dns-server", Image: image}},
				},
				Status: corev1.PodStatus{Phase: corev1.PodRunning, InitContainerStatuses: []corev1.ContainerStatus{{
					Name:  "capabilities",
					State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: capability.All()}},
				}}},
			}
			if test.change != nil {
				test.change(pod)
			}
			has, err := capability.Has(pod, capability.Targets)
			if test.err == nil {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(test.err))
			}
			g.Expect(has).To(Equal(test.has))
		})
	}
}

func terminated(pod *corev1.Pod) *corev1.ContainerStateTerminated {
	return pod.Status.InitContainerStatuses[0].State.Terminated
}
