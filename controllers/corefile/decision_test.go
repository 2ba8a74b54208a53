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

package corefile

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func configMap(data map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"data": data}}
}

func service(ips ...any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"clusterIPs": ips}}}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const text = ".:53 {\n    errors\n}\n"
	coreDNS := configMap(map[string]any{"Corefile": text})
	for name, test := range map[string]struct {
		observation observation
		state       State
		message     string
		corefile    string
	}{
		"nothing exists":            {observation{}, CorefileNotFound, "There is no ConfigMap kube-system/coredns", ""},
		"the ConfigMap is empty":    {observation{coreDNS: configMap(nil), service: service("10.0.0.1")}, CorefileNotFound, "has no key Corefile", ""},
		"there is no Service":       {observation{coreDNS: coreDNS}, WaitingForService, "has no ClusterIP", text},
		"the Service is headless":   {observation{coreDNS: coreDNS, service: service("None")}, WaitingForService, "has no ClusterIP", text},
		"the Service has none yet":  {observation{coreDNS: coreDNS, service: service()}, WaitingForService, "has no ClusterIP", text},
		"the Service is dual-stack": {observation{coreDNS: coreDNS, service: service("fd00::1", "10.0.0.1")}, Forwarding, "forward a.test, b.test to fd00::1", "forward . fd00::1 {"},
		"another hand has a block": {
			observation{coreDNS: configMap(map[string]any{"Corefile": text + "b.test {\n}\n"}), service: service("10.0.0.1")},
			ForeignBlock, "remove that block or choose another zone", text + "b.test {\n}\n",
		},
		"the Corefile is empty": {
			observation{coreDNS: configMap(map[string]any{"Corefile": ""}), service: service("10.0.0.1")},
			UnsupportedCorefile, "it holds no server block", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			d := decide(test.observation, []string{"a.test", "b.test"})
			g.Expect(d.state).To(Equal(test.state))
			g.Expect(d.message).To(ContainSubstring(test.message))
			g.Expect(d.corefile).To(ContainSubstring(test.corefile))
			if test.state != Forwarding {
				g.Expect(d.corefile).To(Equal(dataOf(test.observation.coreDNS)[corefileKey]), "nothing to write")
			}
		})
	}
}

func TestDecideRemembersABlockThatIsThereAlready(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	o := observation{coreDNS: configMap(map[string]any{"Corefile": ".:53 {\n}\n"}), service: service("10.0.0.1")}
	first := decide(o, []string{"a.test"})
	o.coreDNS = configMap(map[string]any{"Corefile": first.corefile})
	second := decide(o, []string{"a.test"})
	g.Expect(second).To(Equal(first), "the memory comes back after somebody deleted it")
	o.memory = configMap(map[string]any{keyWritten: second.written})
	g.Expect(decide(o, []string{"a.test"})).To(Equal(second), "and it is stable")
}
