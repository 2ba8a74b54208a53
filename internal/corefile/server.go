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
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"
)

// File is a key of a ConfigMap.
type File struct {
	ConfigMap types.NamespacedName
	Key       string
}

// String returns the file's name for messages.
func (f File) String() string {
	if f.Key == corefileKey {
		return "the Corefile in " + f.ConfigMap.String()
	}
	return f.Key + " in " + f.ConfigMap.String()
}

// Ref returns <namespace>/<configmap>/<key>.
func (f File) Ref() string { return f.ConfigMap.String() + "/" + f.Key }

// ParseFile parses the result of File.Ref. It returns false if the form is wrong or a part is not a
// valid Kubernetes name.
func ParseFile(ref string) (File, bool) {
	parts := strings.SplitN(ref, "/", 4)
	if len(parts) != 3 || len(validation.IsDNS1123Label(parts[0])) > 0 || len(validation.IsDNS1123Subdomain(parts[1])) > 0 ||
		len(validation.IsConfigMapKey(parts[2])) > 0 {
		return File{}, false
	}
	return File{ConfigMap: types.NamespacedName{Namespace: parts[0], Name: parts[1]}, Key: parts[2]}, true
}

// Server is one CoreDNS: its main Corefile and the files that it can import.
type Server struct {
	// Corefile is the main Corefile.
	Corefile File
	// Path is the path of the main Corefile in the container, such as /etc/coredns/Corefile.
	// Relative imports start in its folder.
	Path string
	// Mounts are the volumes that the process can read.
	Mounts []Mount
	// Complete is true if Mounts are all mounts of the container, so that an import outside of them
	// matches nothing. If it is false, such an import is unsupported.
	Complete bool
	// Cache is true for a cache in front of another CoreDNS.
	Cache bool
	// Words describe the server in messages, for example "ConfigMap kube-system/coredns".
	Words string
}

// Mount is a volume in the container of CoreDNS.
type Mount struct {
	// Path is an absolute path in the container: that of a folder, or of a file if Key is set.
	Path string
	// ConfigMap is the mounted ConfigMap. It is empty for a volume of another kind, which cannot be
	// read.
	ConfigMap types.NamespacedName
	// Items are the mounted keys by their relative paths. If it is nil, each key is a file with the
	// same name.
	Items map[string]string
	// Key is the key that is mounted as a single file.
	Key string
	// Words describe a volume that is not a ConfigMap in messages, for example "Secret
	// kube-system/dns".
	Words string
}

// ConfigMap is the content of a ConfigMap.
type ConfigMap struct {
	Data       map[string]string
	BinaryData map[string][]byte
}

// Cluster is the configuration of a cluster's DNS servers.
type Cluster struct {
	Servers []Server
	// ConfigMaps are the existing ones of ConfigMapsOf(Servers).
	ConfigMaps map[types.NamespacedName]ConfigMap
}

// ConfigMapsOf returns the names of the servers' ConfigMaps, sorted and without duplicates.
func ConfigMapsOf(servers []Server) []types.NamespacedName {
	names := map[types.NamespacedName]bool{}
	for _, s := range servers {
		names[s.Corefile.ConfigMap] = true
		for _, m := range s.Mounts {
			names[m.ConfigMap] = true
		}
	}
	delete(names, types.NamespacedName{})
	return slices.SortedFunc(maps.Keys(names), func(a, b types.NamespacedName) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// exists returns whether the server's main Corefile exists.
func (c Cluster) exists(s Server) bool {
	return c.has(s.Corefile)
}

// has returns whether a file exists.
func (c Cluster) has(f File) bool {
	_, isText := c.ConfigMaps[f.ConfigMap].Data[f.Key]
	_, isBinary := c.ConfigMaps[f.ConfigMap].BinaryData[f.Key]
	return isText || isBinary
}

// text returns the content of a file, or "" if it does not exist.
func (c Cluster) text(f File) string {
	if content, isBinary := c.ConfigMaps[f.ConfigMap].BinaryData[f.Key]; isBinary {
		return string(content)
	}
	return c.ConfigMaps[f.ConfigMap].Data[f.Key]
}

// keys returns the keys of a ConfigMap in random order.
func (c Cluster) keys(name types.NamespacedName) []string {
	configMap := c.ConfigMaps[name]
	return slices.AppendSeq(slices.Collect(maps.Keys(configMap.Data)), maps.Keys(configMap.BinaryData))
}

// with returns the cluster after the edits.
func (c Cluster) with(edits []Edit) Cluster {
	result := Cluster{Servers: c.Servers, ConfigMaps: maps.Clone(c.ConfigMaps)}
	if result.ConfigMaps == nil {
		result.ConfigMaps = map[types.NamespacedName]ConfigMap{}
	}
	for _, e := range edits {
		before := result.ConfigMaps[e.ConfigMap]
		after := ConfigMap{Data: maps.Clone(before.Data), BinaryData: before.BinaryData}
		if e.Delete {
			delete(after.Data, e.Key)
		} else {
			if after.Data == nil {
				after.Data = map[string]string{}
			}
			after.Data[e.Key] = e.Text
		}
		result.ConfigMaps[e.ConfigMap] = after
	}
	return result
}
