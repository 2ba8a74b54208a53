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
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

func configMap(data map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"data": data}}
}

func service(ips ...any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"clusterIPs": ips}}}
}

// coreDNS is a cluster as kubeadm makes it, with a ConfigMap of these data.
func coreDNS(data map[string]any) map[types.NamespacedName]*unstructured.Unstructured {
	return map[types.NamespacedName]*unstructured.Unstructured{
		{Namespace: corefile.Namespace, Name: "coredns"}: configMap(data), corefile.Custom(): nil,
	}
}

func TestDecide(t *testing.T) {
	t.Parallel()
	const text = ".:53 {\n    errors\n}\n"
	usual := coreDNS(map[string]any{"Corefile": text})
	for name, test := range map[string]struct {
		observation observation
		state       report.State
		message     string
		edit        string
	}{
		"nothing exists":           {observation{service: service("10.0.0.1")}, report.CorefileNotFound, "there is no ConfigMap kube-system/coredns or kube-system/rke2-coredns-rke2-coredns with a key Corefile", ""},
		"nothing but kube-dns":     {observation{service: service("10.0.0.1"), other: "cluster DNS is kube-dns"}, report.CorefileNotFound, "; cluster DNS is kube-dns", ""},
		"the ConfigMap is empty":   {observation{configMaps: coreDNS(nil), service: service("10.0.0.1")}, report.CorefileNotFound, "with a key Corefile", ""},
		"there is no Service":      {observation{configMaps: usual}, report.WaitingForService, "has no ClusterIP", ""},
		"the Service is headless":  {observation{configMaps: usual, service: service("None")}, report.WaitingForService, "has no ClusterIP", ""},
		"the Service has none yet": {observation{configMaps: usual, service: service()}, report.WaitingForService, "has no ClusterIP", ""},
		"the Service is dual-stack": {
			observation{configMaps: usual, service: service("fd00::1", "10.0.0.1")},
			report.Forwarding, "forward a.test, b.test to fd00::1", "forward . fd00::1 {",
		},
		"another hand has a block": {
			observation{configMaps: coreDNS(map[string]any{"Corefile": text + "b.test {\n}\n"}), service: service("10.0.0.1")},
			report.ForeignBlock, "remove that block or choose another zone", "a.test:53 {",
		},
		"the ConfigMap that it imports is not there": {
			observation{configMaps: coreDNS(map[string]any{"Corefile": text + "import custom/*.server\n"}), service: service("10.0.0.1")},
			report.WaitingForConfigMap, "imports ConfigMap kube-system/coredns-custom, which does not exist", "",
		},
		"the Corefile is empty": {
			observation{configMaps: coreDNS(map[string]any{"Corefile": ""}), service: service("10.0.0.1")},
			report.UnsupportedCorefile, "the Corefile in kube-system/coredns cannot be edited: it holds no server block", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			test.observation.servers = corefile.Known()
			d := decide(test.observation, []string{"a.test", "b.test"})
			g.Expect(d.state).To(Equal(test.state))
			g.Expect(d.message).To(ContainSubstring(test.message))
			if test.edit == "" {
				g.Expect(d.edits).To(BeEmpty())
				return
			}
			g.Expect(d.edits).To(ConsistOf(And(HaveField("ConfigMap.Name", "coredns"), HaveField("Text", ContainSubstring(test.edit)))))
		})
	}
}

func TestDecideRemembersABlockThatIsThereAlready(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	o := observation{servers: corefile.Known(), configMaps: coreDNS(map[string]any{"Corefile": ".:53 {\n}\n"}), service: service("10.0.0.1")}
	first := decide(o, []string{"a.test"})
	o.configMaps = coreDNS(map[string]any{"Corefile": first.edits[0].Text})
	second := decide(o, []string{"a.test"})
	g.Expect(second.edits).To(BeEmpty())
	g.Expect(second.written).To(Equal(first.written), "the memory comes back after somebody deleted it")
	o.memory = configMap(map[string]any{report.KeyWritten: second.written})
	g.Expect(decide(o, []string{"a.test"})).To(Equal(second), "and it is stable")
}
