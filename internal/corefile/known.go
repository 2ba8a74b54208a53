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
)

const (
	// Namespace is the namespace of the known servers' ConfigMaps.
	Namespace = "kube-system"
	// CustomKey is our key in the ConfigMap Custom, if the Corefile imports the keys *.server.
	CustomKey = ownName + ".server"

	// ownName replaces the wildcard of an import in the name of our key.
	ownName = "xcc"
	// corefileKey is the usual key of a main Corefile.
	corefileKey  = "Corefile"
	customFolder = "/etc/coredns/custom"
)

// Custom returns the name of the ConfigMap for user configuration of CoreDNS in k3s and some
// clouds. They manage the Corefile, which imports keys of this ConfigMap.
func Custom() types.NamespacedName {
	return types.NamespacedName{Namespace: Namespace, Name: "coredns-custom"}
}

// Known returns the servers of known distributions. A cluster usually has one of them, and may have
// a cache.
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
	// NodeLocal DNSCache renders this file from the template in the ConfigMap.
	cache.Path, cache.Cache = "/etc/Corefile", true
	return []Server{coreDNS, rke2, cache}
}

// Mains returns the ConfigMaps, as "namespace/name", of the servers that are not caches.
func Mains(servers []Server) []string {
	var names []string
	for _, s := range servers {
		if !s.Cache {
			names = append(names, s.Corefile.ConfigMap.String())
		}
	}
	return names
}
