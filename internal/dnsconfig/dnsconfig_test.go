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

package dnsconfig_test

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

var (
	coreDNS = types.NamespacedName{Namespace: "kube-system", Name: "coredns"}
	main    = corefile.File{ConfigMap: coreDNS, Key: "Corefile"}
	custom  = corefile.File{ConfigMap: corefile.Custom(), Key: corefile.CustomKey}
)

// configMap returns a ConfigMap of another hand, in version 7.
func configMap(name types.NamespacedName, data map[string]any) *unstructured.Unstructured {
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
	if data != nil {
		object.Object["data"] = data
	}
	object.SetNamespace(name.Namespace)
	object.SetName(name.Name)
	object.SetUID("u")
	object.SetResourceVersion("7")
	object.SetLabels(map[string]string{"mine": "yes"})
	return object
}

// createdForUs returns the ConfigMap of NewCustom as it is in the cluster, with these data.
func createdForUs(data map[string]any) *unstructured.Unstructured {
	object := configMap(corefile.Custom(), data)
	object.SetLabels(dnsconfig.NewCustom().GetLabels())
	return object
}

// server is an API server of ConfigMaps. It counts versions up.
type server struct {
	updated []*unstructured.Unstructured
	deleted []metav1.Preconditions
	err     error
}

func (s *server) Update(_ context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	s.updated = append(s.updated, object)
	stored := object.DeepCopy()
	stored.SetResourceVersion(object.GetResourceVersion() + "+")
	return stored, s.err
}

func (s *server) Delete(_ context.Context, _ *unstructured.Unstructured, preconditions metav1.Preconditions) error {
	s.deleted = append(s.deleted, preconditions)
	return s.err
}

func objects(configMaps ...*unstructured.Unstructured) dnsconfig.Objects {
	all := dnsconfig.Objects{ConfigMaps: map[types.NamespacedName]*unstructured.Unstructured{}}
	for _, object := range configMaps {
		all.ConfigMaps[types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}] = object
	}
	return all
}

func TestAnEditChangesOneKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		read *unstructured.Unstructured
		edit corefile.Edit
		data map[string]string
	}{
		"a key is written": {
			configMap(coreDNS, map[string]any{"Corefile": "old", "more": "of the user"}),
			corefile.Edit{File: main, Text: "new"}, map[string]string{"Corefile": "new", "more": "of the user"},
		},
		"a key is added to a ConfigMap without data": {
			configMap(coreDNS, nil), corefile.Edit{File: main, Text: "new"}, map[string]string{"Corefile": "new"},
		},
		"a key is removed": {
			createdForUs(map[string]any{custom.Key: "ours", "a.server": "of the user"}),
			corefile.Edit{File: custom, Delete: true}, map[string]string{"a.server": "of the user"},
		},
		"a ConfigMap of another hand stays, empty": {
			configMap(corefile.Custom(), map[string]any{custom.Key: "ours"}), corefile.Edit{File: custom, Delete: true}, map[string]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			writes, all := &server{}, objects(test.read)
			before := test.read.DeepCopy()
			g.Expect(all.Apply(t.Context(), writes, test.edit)).To(Succeed())
			g.Expect(writes.deleted).To(BeEmpty())
			g.Expect(writes.updated).To(HaveLen(1))
			g.Expect(dnsconfig.Data(writes.updated[0])).To(Equal(test.data))
			g.Expect(writes.updated[0].GetResourceVersion()).To(Equal("7"), "a write in between is a conflict")
			g.Expect(writes.updated[0].GetLabels()).To(Equal(before.GetLabels()))
			g.Expect(test.read).To(Equal(before), "the object may belong to a cache")
		})
	}
}

func TestAConfigMapThatWasCreatedForUsIsDeletedWithItsLastKey(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	writes, all := &server{}, objects(createdForUs(map[string]any{custom.Key: "ours"}))
	g.Expect(all.Apply(t.Context(), writes, corefile.Edit{File: custom, Delete: true})).To(Succeed())
	g.Expect(writes.updated).To(BeEmpty())
	g.Expect(writes.deleted).To(HaveLen(1))
	g.Expect(writes.deleted[0].UID).To(HaveValue(BeEquivalentTo("u")))
	g.Expect(writes.deleted[0].ResourceVersion).To(HaveValue(Equal("7")), "a key that was added in between stays")
	g.Expect(all.ConfigMaps[corefile.Custom()]).To(BeNil())

	withBinary := createdForUs(map[string]any{custom.Key: "ours"})
	withBinary.Object["binaryData"] = map[string]any{"k": "AA=="}
	g.Expect(objects(withBinary).Apply(t.Context(), writes, corefile.Edit{File: custom, Delete: true})).To(Succeed())
	g.Expect(writes.deleted).To(HaveLen(1), "something is left in it")
	g.Expect(writes.updated).To(HaveLen(1))
}

func TestEditsOfOneConfigMapBuildOnEachOther(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	writes, all := &server{}, objects(configMap(coreDNS, map[string]any{"Corefile": "old", "other": "ours"}))
	g.Expect(all.Apply(t.Context(), writes, corefile.Edit{File: corefile.File{ConfigMap: coreDNS, Key: "other"}, Delete: true})).To(Succeed())
	g.Expect(all.Apply(t.Context(), writes, corefile.Edit{File: main, Text: "new"})).To(Succeed())
	g.Expect(dnsconfig.Data(writes.updated[1])).To(Equal(map[string]string{"Corefile": "new"}))
	g.Expect(writes.updated[1].GetResourceVersion()).To(Equal("7+"), "the version is that of the first write")
}

func TestAnEditThatCannotBeMade(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	writes := &server{}
	g.Expect(objects().Apply(t.Context(), writes, corefile.Edit{File: main, Text: "new"})).To(Succeed(), "the ConfigMap does not exist")
	g.Expect(writes.updated).To(BeEmpty())

	refused := errors.New("refused")
	all := objects(configMap(coreDNS, map[string]any{"Corefile": "old"}))
	g.Expect(all.Apply(t.Context(), &server{err: refused}, corefile.Edit{File: main, Text: "new"})).To(MatchError(refused))
	g.Expect(dnsconfig.Data(all.ConfigMaps[coreDNS])).To(Equal(map[string]string{"Corefile": "old"}), "it is as it was read")
	spoilt := objects(configMap(coreDNS, nil))
	spoilt.ConfigMaps[coreDNS].Object["data"] = "no map"
	g.Expect(spoilt.Apply(t.Context(), writes, corefile.Edit{File: main, Text: "new"})).NotTo(Succeed(), "an API server can answer anything")
}

func TestObjectsBecomeArgumentsOfCorefile(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	read := configMap(coreDNS, map[string]any{"Corefile": "text"})
	read.Object["binaryData"] = map[string]any{"k": "AA==", "spoilt": "!"}
	all := objects(read)
	all.ConfigMaps[corefile.Custom()] = nil
	cluster := all.Cluster(corefile.Known())
	g.Expect(cluster.Servers).To(Equal(corefile.Known()))
	g.Expect(cluster.ConfigMaps).To(Equal(map[types.NamespacedName]corefile.ConfigMap{
		coreDNS: {Data: map[string]string{"Corefile": "text"}, BinaryData: map[string][]byte{"k": {0}}},
	}), "a ConfigMap that does not exist is left out")

	g.Expect(all.Settings([]string{"a.test"})).To(Equal(corefile.Settings{Zones: []string{"a.test"}}))
	all.Memory = configMap(types.NamespacedName{Namespace: "xcc-dns", Name: "dns-config-patcher"}, map[string]any{report.KeyWritten: "block"})
	for name, test := range map[string]struct{ served, addresses []string }{
		"dual-stack":         {[]string{"fd00::1", "10.0.0.1"}, []string{"fd00::1", "10.0.0.1"}},
		"headless":           {[]string{"None"}, nil},
		"without an address": {[]string{}, []string{}},
	} {
		all.Service = &unstructured.Unstructured{Object: map[string]any{}}
		g.Expect(unstructured.SetNestedStringSlice(all.Service.Object, test.served, "spec", "clusterIPs")).To(Succeed())
		g.Expect(all.Settings([]string{"a.test"})).To(Equal(corefile.Settings{
			Zones: []string{"a.test"}, ClusterIPs: test.addresses, Written: "block",
		}), name)
	}
}
