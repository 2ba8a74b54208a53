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

package corefile_test

import (
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// texts are the data of ConfigMaps in kube-system, by name.
type texts map[string]map[string]string

// known returns a Cluster of the known servers with the ConfigMaps.
func known(t texts) corefile.Cluster {
	cluster := corefile.Cluster{Servers: corefile.Known(), ConfigMaps: map[types.NamespacedName]corefile.ConfigMap{}}
	for name, data := range t {
		cluster.ConfigMaps[inKubeSystem(name)] = corefile.ConfigMap{Data: data}
	}
	return cluster
}

func inKubeSystem(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: corefile.Namespace, Name: name}
}

func file(configMap, key string) corefile.File {
	return corefile.File{ConfigMap: inKubeSystem(configMap), Key: key}
}

// perform applies the edits of a plan.
func perform(before texts, plan corefile.Plan) texts {
	result := texts{}
	for name, data := range before {
		result[name] = maps.Clone(data)
	}
	for _, edit := range plan.Edits {
		name := edit.ConfigMap.Name
		if result[name] == nil {
			result[name] = map[string]string{}
		}
		result[name][edit.Key] = edit.Text
		if edit.Delete {
			delete(result[name], edit.Key)
		}
	}
	// Our ConfigMap is deleted with its last key.
	maps.DeleteFunc(result, func(name string, data map[string]string) bool {
		_, was := before[name]
		return len(data) == 0 && (!was || len(before[name]) > 0)
	})
	return result
}

const (
	block53   = "xcc.test:53 {\n    # Kept by dns-config-patcher in the namespace xcc-dns. Take it out to have it written anew.\n    errors\n    forward . 10.96.0.53 {\n        max_concurrent 1000\n    }\n}\n"
	block5353 = "xcc.test:5353 {\n    # Kept by dns-config-patcher in the namespace xcc-dns. Take it out to have it written anew.\n    errors\n    forward . 10.96.0.53 {\n        max_concurrent 1000\n    }\n}\n"
	blockNode = "xcc.test:53 {\n    # Kept by dns-config-patcher in the namespace xcc-dns. Take it out to have it written anew.\n    errors\n" +
		"    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n    forward . 10.96.0.53 {\n        max_concurrent 1000\n    }\n}\n"
	plain     = ".:53 {\n    errors\n}\n"
	importing = plain + "import /etc/coredns/custom/*.server\n"
)

func TestInstallFindsTheConfigurations(t *testing.T) {
	t.Parallel()
	corefiles := readCorefiles(t)
	nodeLocal := corefiles["testdata/node-local-dns"]
	for name, test := range map[string]struct {
		cluster texts
		found   []string
		edits   []corefile.Edit
	}{
		"kubeadm's CoreDNS": {
			cluster: texts{"coredns": {"Corefile": plain}},
			found:   []string{"ConfigMap kube-system/coredns"},
			edits:   []corefile.Edit{{File: file("coredns", "Corefile"), Text: plain + "\n" + block53}},
		},
		"a CoreDNS on another port": {
			cluster: texts{"coredns": {"Corefile": ".:5353 {\n    errors\n}\n"}},
			found:   []string{"ConfigMap kube-system/coredns, port 5353"},
			edits:   []corefile.Edit{{File: file("coredns", "Corefile"), Text: ".:5353 {\n    errors\n}\n\n" + block5353}},
		},
		"RKE2's CoreDNS": {
			cluster: texts{"rke2-coredns-rke2-coredns": {"Corefile": plain}},
			found:   []string{"RKE2's ConfigMap kube-system/rke2-coredns-rke2-coredns"},
			edits:   []corefile.Edit{{File: file("rke2-coredns-rke2-coredns", "Corefile"), Text: plain + "\n" + block53}},
		},
		"k3s's CoreDNS without user configuration": {
			cluster: texts{"coredns": {"Corefile": corefiles["testdata/k3s"]}},
			found:   []string{"ConfigMap kube-system/coredns-custom, imported by ConfigMap kube-system/coredns"},
			edits:   []corefile.Edit{{File: file("coredns-custom", "xcc.server"), Text: block53}},
		},
		"a cloud's CoreDNS with user configuration": {
			cluster: texts{
				"coredns":        {"Corefile": ".:5353 {\n    import custom/*.override\n}\nimport custom/*.server\n"},
				"coredns-custom": {"a.server": "a.test:5353 {\n}\n", "log.override": "log", "a.txt": "}"},
			},
			found: []string{"ConfigMap kube-system/coredns-custom, imported by ConfigMap kube-system/coredns, port 5353"},
			edits: []corefile.Edit{{File: file("coredns-custom", "xcc.server"), Text: block5353}},
		},
		"the Corefile has a block and a new import": {
			cluster: texts{"coredns": {"Corefile": importing + "\n" + block53}},
			found:   []string{"ConfigMap kube-system/coredns-custom, imported by ConfigMap kube-system/coredns"},
			edits: []corefile.Edit{
				{File: file("coredns", "Corefile"), Text: importing},
				{File: file("coredns-custom", "xcc.server"), Text: block53},
			},
		},
		"the block is in a key that is no longer imported": {
			cluster: texts{"coredns": {"Corefile": plain}, "coredns-custom": {"xcc.server": block53, "a.server": ""}},
			found:   []string{"ConfigMap kube-system/coredns"},
			edits: []corefile.Edit{
				{File: file("coredns", "Corefile"), Text: plain + "\n" + block53},
				{File: file("coredns-custom", "xcc.server"), Delete: true},
			},
		},
		"a NodeLocal DNSCache beside CoreDNS": {
			cluster: texts{"coredns": {"Corefile": plain}, "node-local-dns": {"Corefile": nodeLocal}},
			found: []string{
				"ConfigMap kube-system/coredns",
				"NodeLocal DNSCache's ConfigMap kube-system/node-local-dns, bound to __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__",
			},
			edits: []corefile.Edit{
				{File: file("coredns", "Corefile"), Text: plain + "\n" + block53},
				{File: file("node-local-dns", "Corefile"), Text: nodeLocal + "\n" + blockNode},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(test.cluster), settings())
			g.Expect(plan.Err).NotTo(HaveOccurred())
			g.Expect(plan.Found).To(Equal(test.found))
			g.Expect(plan.Edits).To(Equal(test.edits))

			installed := perform(test.cluster, plan)
			again := corefile.Install(known(installed), settings())
			g.Expect(again.Err).NotTo(HaveOccurred())
			g.Expect(again.Edits).To(BeEmpty(), "a second Install changes nothing")
			for what, s := range map[string]corefile.Settings{
				"with the ClusterIP": settings(),
				"with Written":       {Zones: []string{"xcc.test"}, Written: plan.Written},
			} {
				gone := corefile.Uninstall(known(installed), s)
				g.Expect(gone.Err).NotTo(HaveOccurred())
				g.Expect(perform(installed, gone)).To(Equal(perform(test.cluster, corefile.Uninstall(known(test.cluster), settings()))), what)
			}
		})
	}
}

func TestInstallEditsNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cluster texts
		err     error
		message string
		edited  []string
	}{
		"a cluster without CoreDNS": {
			cluster: texts{"coredns-custom": {}, "node-local-dns": {"Corefile": plain}}, err: corefile.ErrNotFound,
		},
		"an imported foreign block": {
			cluster: texts{"coredns": {"Corefile": importing}, "coredns-custom": {"a.server": "\nxcc.test {\n  file db\n}\n"}},
			err:     corefile.ErrForeignBlock, message: `the block "xcc.test" in line 2 of a.server in kube-system/coredns-custom serves xcc.test and is not ours`,
		},
		"a foreign block in our key": {
			cluster: texts{"coredns": {"Corefile": importing}, "coredns-custom": {"xcc.server": "xcc.test {\n  file db\n}\n"}},
			err:     corefile.ErrForeignBlock, message: "line 1 of xcc.server in kube-system/coredns-custom",
		},
		"a foreign block beside the import": {
			cluster: texts{"coredns": {"Corefile": importing + "xcc.test {\n  file db\n}\n"}},
			err:     corefile.ErrForeignBlock, message: "line 5 of the Corefile in kube-system/coredns",
		},
		"an imported file that CoreDNS refuses": {
			cluster: texts{"coredns": {"Corefile": importing}, "coredns-custom": {"a.server": "a.test {\n"}},
			err:     corefile.ErrUnsupported, message: "the Corefile in kube-system/coredns cannot be edited: line 1 of a.server in kube-system/coredns-custom: the brace that opens here is never closed",
		},
		"the block in an imported file while the Corefile cannot be parsed": {
			cluster: texts{"coredns": {"Corefile": "import custom/*.server\n.:53 {"}, "coredns-custom": {"xcc.server": block53}},
			err:     corefile.ErrUnsupported, message: "the Corefile in kube-system/coredns cannot be edited: line 2",
		},
		"the block in an imported file while there is no Corefile": {
			cluster: texts{"coredns-custom": {"xcc.server": block53}}, err: corefile.ErrNotFound,
		},
		"a cache in front of a CoreDNS that does not forward": {
			cluster: texts{"coredns": {"Corefile": plain + "xcc.test {\n  file db\n}\n"}, "node-local-dns": {"Corefile": plain}},
			err:     corefile.ErrForeignBlock,
		},
		"a cache that cannot be edited": {
			cluster: texts{"coredns": {"Corefile": plain}, "node-local-dns": {"Corefile": "{"}},
			err:     corefile.ErrUnsupported, message: "the Corefile in kube-system/node-local-dns cannot be edited", edited: []string{"coredns"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			plan := corefile.Install(known(test.cluster), settings())
			g.Expect(plan.Err).To(MatchError(test.err))
			g.Expect(plan.Err).To(MatchError(ContainSubstring(test.message)))
			var edited []string
			for _, edit := range plan.Edits {
				edited = append(edited, edit.ConfigMap.Name)
			}
			g.Expect(edited).To(Equal(test.edited))
		})
	}
}

func TestUninstallOfACorefileThatCannotBeParsed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	plan := corefile.Uninstall(known(texts{"coredns": {"Corefile": ".:53 {\n"}}), settings())
	g.Expect(plan.Err).NotTo(HaveOccurred(), "it does not mention the zone")
	g.Expect(plan.Edits).To(BeEmpty())

	plan = corefile.Uninstall(known(texts{"coredns": {"Corefile": block53 + ".:53 {\n"}}), settings())
	g.Expect(plan.Err).To(MatchError(ContainSubstring("the Corefile in kube-system/coredns cannot be edited: line 8")))
	g.Expect(plan.Edits).To(BeEmpty())
}

func TestUninstallLeavesForeignKeysUnchanged(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster := texts{
		"coredns":        {"Corefile": importing},
		"coredns-custom": {"xcc.notes": "", "xcc.server": block53, "xcc-old.server": block53 + "a.test {\n}\n"},
	}
	plan := corefile.Uninstall(known(cluster), settings())
	g.Expect(plan.Err).NotTo(HaveOccurred())
	g.Expect(perform(cluster, plan)["coredns-custom"]).To(Equal(map[string]string{"xcc.notes": "", "xcc-old.server": "a.test {\n}\n"}))
}

func TestUninstallOfABlockOnAnotherPortWithoutWritten(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	cluster := texts{
		"coredns":        {"Corefile": ".:5353 {\n}\nimport custom/*.server\n"},
		"coredns-custom": {"xcc.server": block5353},
	}
	plan := corefile.Uninstall(known(cluster), settings())
	g.Expect(plan.Err).NotTo(HaveOccurred())
	g.Expect(plan.Edits).To(Equal([]corefile.Edit{{File: file("coredns-custom", "xcc.server"), Delete: true}}))
}

func TestConfigMapsOf(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(corefile.ConfigMapsOf(corefile.Known())).To(Equal([]types.NamespacedName{
		inKubeSystem("coredns"), inKubeSystem("coredns-custom"), inKubeSystem("node-local-dns"), inKubeSystem("rke2-coredns-rke2-coredns"),
	}))
	g.Expect(corefile.Mains(corefile.Known())).To(Equal([]string{"kube-system/coredns", "kube-system/rke2-coredns-rke2-coredns"}))
}
