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
	"k8s.io/apimachinery/pkg/types"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

const (
	// Namespace holds cluster DNS in the known places.
	Namespace = "kube-system"
	// CustomKey is our key in Custom, if the Corefile imports the keys *.server.
	CustomKey = ownName + ".server"

	// ownName takes the place of the wildcard of an import in the name of our key.
	ownName = "xcc"
	// corefileKey is the usual key of a main Corefile.
	corefileKey  = "Corefile"
	customFolder = "/etc/coredns/custom"
)

// Custom returns the name of the ConfigMap in which k3s and clouds let users configure CoreDNS. Their Corefile, which they write
// themselves, imports keys of it.
func Custom() types.NamespacedName {
	return types.NamespacedName{Namespace: Namespace, Name: "coredns-custom"}
}

// CustomLabels returns the labels of a ConfigMap Custom that would not exist without us. Whoever takes the last key out of
// such a ConfigMap deletes it.
func CustomLabels() map[string]string {
	return map[string]string{xccv1.PartOfLabel: xccv1.PartOf, "app.kubernetes.io/managed-by": xccv1.DNSConfigPatcherName}
}

// IsCustomOurs returns whether the labels of the ConfigMap Custom say that it would not exist without us.
func IsCustomOurs(labels map[string]string) bool {
	for key, value := range CustomLabels() {
		if labels[key] != value {
			return false
		}
	}
	return true
}

// Known returns the servers of the distributions that are known. A cluster usually has one, or one and a cache.
func Known() []Server {
	known := func(name, words string) Server {
		return Server{
			Corefile: File{ConfigMap: types.NamespacedName{Namespace: Namespace, Name: name}, Key: corefileKey},
			Path:     "/etc/coredns/Corefile",
			Words:    words + "ConfigMap " + Namespace + "/" + name,
		}
	}
	coreDNS, rke2, cache := known("coredns", ""), known("rke2-coredns-rke2-coredns", "RKE2's "), known("node-local-dns", "NodeLocal DNSCache's ")
	custom := []Mount{{Path: customFolder, ConfigMap: Custom()}}
	coreDNS.Mounts, rke2.Mounts = custom, custom
	// The cache renders this file from the template in the ConfigMap.
	cache.Path, cache.Cache = "/etc/Corefile", true
	return []Server{coreDNS, rke2, cache}
}

// Mains returns "namespace/name" of the ConfigMaps of the servers that are no cache.
func Mains(servers []Server) []string {
	var names []string
	for _, s := range servers {
		if !s.Cache {
			names = append(names, s.Corefile.ConfigMap.String())
		}
	}
	return names
}
