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
	"maps"
	"path"
	"slices"
	"strings"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Where CoreDNS's configuration can be. All are in Namespace.
const (
	// Namespace holds cluster DNS.
	Namespace = "kube-system"
	// CustomName is the name of the ConfigMap in which k3s and clouds let users configure CoreDNS. Their Corefile, which they write
	// themselves, imports its keys *.server.
	CustomName = "coredns-custom"

	// corefileKey is the key of a main Corefile.
	corefileKey = "Corefile"
	// CustomKey is ours in CustomName.
	CustomKey    = "xcc.server"
	customSuffix = ".server"
	customFolder = "custom"
)

// CustomLabels returns the labels of a ConfigMap CustomName that would not exist without us. Whoever takes the last key out of
// such a ConfigMap deletes it.
func CustomLabels() map[string]string {
	return map[string]string{xccv1.PartOfLabel: xccv1.PartOf, "app.kubernetes.io/managed-by": xccv1.DNSConfigPatcherName}
}

// IsCustomOurs returns whether the labels of the ConfigMap CustomName say that it would not exist without us.
func IsCustomOurs(labels map[string]string) bool {
	for key, value := range CustomLabels() {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// place is a ConfigMap with a main Corefile.
type place struct {
	name string
	// words are how people call it.
	words string
	// cache says that it is that of a cache in front of CoreDNS.
	cache bool
}

func places() []place {
	return []place{
		{name: "coredns", words: "ConfigMap kube-system/coredns"},
		{name: "rke2-coredns-rke2-coredns", words: "RKE2's ConfigMap kube-system/rke2-coredns-rke2-coredns"},
		{name: "node-local-dns", words: "NodeLocal DNSCache's ConfigMap kube-system/node-local-dns", cache: true},
	}
}

// corefile is how messages call the main Corefile.
func (p place) corefile() string {
	return "the Corefile in " + Namespace + "/" + p.name
}

// customFile is how messages call a key of CustomName.
func customFile(key string) string {
	return key + " in " + Namespace + "/" + CustomName
}

// ConfigMaps returns the names of the ConfigMaps, in Namespace, that can hold configuration of CoreDNS.
func ConfigMaps() []string {
	names := []string{CustomName}
	for _, p := range places() {
		names = append(names, p.name)
	}
	return names
}

// Mains returns "namespace/name" of the ConfigMaps of which a supported CoreDNS has one.
func Mains() []string {
	var names []string
	for _, p := range places() {
		if !p.cache {
			names = append(names, Namespace+"/"+p.name)
		}
	}
	return names
}

// Cluster is the data of those of ConfigMaps that exist, by their names.
type Cluster map[string]map[string]string

// exists returns whether a main Corefile is there.
func (c Cluster) exists(p place) bool {
	_, found := c[p.name][corefileKey]
	return found
}

// importsCustom returns whether the main Corefile imports the keys *.server of CustomName, as k3s and clouds mount them:
// "import /etc/coredns/custom/*.server" or "import custom/*.server".
func importsCustom(statements []statement) bool {
	return slices.ContainsFunc(statements, func(s statement) bool {
		return s.isImport() && path.Base(s.keys[1]) == "*"+customSuffix && path.Base(path.Dir(s.keys[1])) == customFolder
	})
}

// customFiles returns the keys of CustomName that the Corefile imports, sorted, without ours.
func (c Cluster) customFiles() []string {
	keys := slices.Sorted(maps.Keys(c[CustomName]))
	return slices.DeleteFunc(keys, func(key string) bool { return key == CustomKey || !strings.HasSuffix(key, customSuffix) })
}
