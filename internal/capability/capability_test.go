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
		"a Pod that says so": {has: true},
		"among others":       {change: func(p *corev1.Pod) { terminated(p).Message = "a,dns-targets,b" }, has: true},
		"a Pod of a former release": {change: func(p *corev1.Pod) {
			p.Spec.InitContainers, p.Status.InitContainerStatuses = nil, nil
		}},
		"an image of a former release in this release's Pod": {change: func(p *corev1.Pod) { terminated(p).Message = "" }},
		"another image that says so":                         {change: func(p *corev1.Pod) { p.Spec.Containers[1].Image = "registry.example.com/xcc-dns:v0" }},
		"a part of a word":                                   {change: func(p *corev1.Pod) { terminated(p).Message = "no-dns-targets" }},
		"nonsense":                                           {change: func(p *corev1.Pod) { terminated(p).Message = strings.Repeat(",", 1<<20) }},
		"another container that says so": {change: func(p *corev1.Pod) {
			p.Status.InitContainerStatuses[0].Name = "istio-init"
		}, err: capability.ErrUndecided},
		"a container that has the name of none": {change: func(p *corev1.Pod) { p.Spec.Containers[1].Name = "server" }},
		"one that has not begun":                {change: func(p *corev1.Pod) { p.Status.InitContainerStatuses = nil }, err: capability.ErrUndecided},
		"one that runs": {change: func(p *corev1.Pod) {
			p.Status.InitContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
		}, err: capability.ErrUndecided},
		"an evicted Pod":         {change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, err: capability.ErrEnded},
		"a Pod without anything": {change: func(p *corev1.Pod) { *p = corev1.Pod{} }},
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
