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

package controller

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
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

// seen is an observation without a memory.
func seen(configMaps map[types.NamespacedName]*unstructured.Unstructured, service *unstructured.Unstructured) observation {
	return observation{Objects: dnsconfig.Objects{ConfigMaps: configMaps, Service: service}}
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
		"nothing exists":           {seen(nil, service("10.0.0.1")), report.CorefileNotFound, "there is no ConfigMap kube-system/coredns or kube-system/rke2-coredns-rke2-coredns with a key Corefile", ""},
		"nothing but kube-dns":     {observation{Objects: dnsconfig.Objects{Service: service("10.0.0.1")}, other: "cluster DNS is kube-dns"}, report.CorefileNotFound, "; cluster DNS is kube-dns", ""},
		"the ConfigMap is empty":   {seen(coreDNS(nil), service("10.0.0.1")), report.CorefileNotFound, "with a key Corefile", ""},
		"there is no Service":      {seen(usual, nil), report.WaitingForService, "has no ClusterIP", ""},
		"the Service is headless":  {seen(usual, service("None")), report.WaitingForService, "has no ClusterIP", ""},
		"the Service has none yet": {seen(usual, service()), report.WaitingForService, "has no ClusterIP", ""},
		"the Service is dual-stack": {
			seen(usual, service("fd00::1", "10.0.0.1")),
			report.Forwarding, "forward a.test, b.test to fd00::1", "forward . fd00::1 {",
		},
		"another hand has a block": {
			seen(coreDNS(map[string]any{"Corefile": text + "b.test {\n}\n"}), service("10.0.0.1")),
			report.ForeignBlock, "remove that block or choose another zone", "a.test:53 {",
		},
		"the ConfigMap that it imports is not there": {
			seen(coreDNS(map[string]any{"Corefile": text + "import custom/*.server\n"}), service("10.0.0.1")),
			report.WaitingForConfigMap, "imports ConfigMap kube-system/coredns-custom, which does not exist", "",
		},
		"the Corefile is empty": {
			seen(coreDNS(map[string]any{"Corefile": ""}), service("10.0.0.1")),
			report.UnsupportedCorefile, "the Corefile in kube-system/coredns cannot be edited: it holds no server block", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
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
	o := seen(coreDNS(map[string]any{"Corefile": ".:53 {\n}\n"}), service("10.0.0.1"))
	first := decide(o, []string{"a.test"})
	o.ConfigMaps = coreDNS(map[string]any{"Corefile": first.edits[0].Text})
	second := decide(o, []string{"a.test"})
	g.Expect(second.edits).To(BeEmpty())
	g.Expect(second.written).To(Equal(first.written), "the memory comes back after somebody deleted it")
	o.Memory = configMap(map[string]any{report.KeyWritten: second.written})
	g.Expect(decide(o, []string{"a.test"})).To(Equal(second), "and it is stable")
}

// mine is a CoreDNS of a Helm release in a namespace of its own.
func mine() corefile.Server {
	return corefile.Server{Corefile: corefile.File{ConfigMap: types.NamespacedName{Namespace: "dns", Name: "mine"}, Key: "config"}, Words: "mine"}
}

func TestDecideMovesBlocksToAnotherServer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	const text = ".:53 {\n    errors\n}\n"
	o := seen(coreDNS(map[string]any{"Corefile": text}), service("10.0.0.1"))
	first := decide(o, []string{"a.test"})
	g.Expect(first.writtenTo).To(Equal("kube-system/coredns/Corefile"), "where it is about to be counts")
	patched := first.edits[0].Text

	o.Memory = configMap(map[string]any{"written": first.written, "writtenTo": first.writtenTo})
	o.ConfigMaps = coreDNS(map[string]any{"Corefile": patched})
	o.choice = corefile.Choice{Servers: []corefile.Server{mine()}, Former: corefile.Known()}
	waiting := decide(o, []string{"a.test"})
	g.Expect(waiting.state).To(Equal(report.CorefileNotFound))
	g.Expect(waiting.message).To(ContainSubstring("there is no ConfigMap dns/mine"))
	g.Expect(waiting.edits).To(BeEmpty(), "what was written stays as long as nothing takes its place")
	g.Expect(waiting.writtenTo).To(Equal("kube-system/coredns/Corefile"))

	o.ConfigMaps[mine().Corefile.ConfigMap] = configMap(map[string]any{"config": text})
	moved := decide(o, []string{"a.test"})
	g.Expect(moved.state).To(Equal(report.Forwarding))
	g.Expect(moved.edits).To(HaveLen(2))
	g.Expect(moved.edits[0].File).To(Equal(mine().Corefile))
	g.Expect(moved.edits[1]).To(Equal(corefile.Edit{File: corefile.Known()[0].Corefile, Text: text}), "as if nothing had been written there")
	g.Expect(moved.writtenTo).To(Equal("dns/mine/config,kube-system/coredns/Corefile"))
	g.Expect(moved.moves).To(BeTrue(), "CoreDNS takes its time again")

	o.Memory = configMap(map[string]any{"written": moved.written, "writtenTo": moved.writtenTo})
	o.ConfigMaps[mine().Corefile.ConfigMap] = configMap(map[string]any{"config": moved.edits[0].Text})
	o.ConfigMaps[corefile.Known()[0].Corefile.ConfigMap] = configMap(map[string]any{"Corefile": text})
	settled := decide(o, []string{"a.test"})
	g.Expect(settled.edits).To(BeEmpty())
	g.Expect(settled.moves).To(BeFalse())
	g.Expect(settled.writtenTo).To(Equal("dns/mine/config"))

	o.wish = remove
	o.ConfigMaps[corefile.Known()[0].Corefile.ConfigMap] = configMap(map[string]any{"Corefile": patched})
	g.Expect(decide(o, []string{"a.test"}).edits).To(HaveLen(2), "a block that came back to the former place goes, too")
}
