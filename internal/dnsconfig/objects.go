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

package dnsconfig

import (
	"encoding/base64"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// Objects are those of a workload cluster that decide about the configuration of its DNS. An object that does not exist is nil.
type Objects struct {
	// ConfigMaps are those in which the servers keep configuration, by name.
	ConfigMaps map[types.NamespacedName]*unstructured.Unstructured
	// Service is the DNS server's.
	Service *unstructured.Unstructured
	// Memory is the ConfigMap in which dns-config-patcher remembers and reports.
	Memory *unstructured.Unstructured
}

// Cluster returns the configuration of the servers.
func (o Objects) Cluster(servers []corefile.Server) corefile.Cluster {
	cluster := corefile.Cluster{Servers: servers, ConfigMaps: map[types.NamespacedName]corefile.ConfigMap{}}
	for name, configMap := range o.ConfigMaps {
		if configMap != nil {
			cluster.ConfigMaps[name] = corefile.ConfigMap{Data: Data(configMap), BinaryData: binaryData(configMap)}
		}
	}
	return cluster
}

// Settings returns how our blocks for the zones look, and how they are told from others: by the addresses of the Service and
// by the memory.
func (o Objects) Settings(zones []string) corefile.Settings {
	return corefile.Settings{Zones: zones, ClusterIPs: clusterIPs(o.Service), Written: Data(o.Memory)[report.KeyWritten]}
}

// Data returns the data of a ConfigMap, nil if that is nil.
func Data(configMap *unstructured.Unstructured) map[string]string {
	if configMap == nil {
		return nil
	}
	// API servers serve nothing but strings here.
	data, _, _ := unstructured.NestedStringMap(configMap.Object, "data")
	return data
}

// binaryData returns the binary data of a ConfigMap, without values that are not base64: API servers serve none.
func binaryData(configMap *unstructured.Unstructured) map[string][]byte {
	encoded, _, _ := unstructured.NestedStringMap(configMap.Object, "binaryData")
	data := make(map[string][]byte, len(encoded))
	for key, value := range encoded {
		if decoded, err := base64.StdEncoding.DecodeString(value); err == nil {
			data[key] = decoded
		}
	}
	return data
}

// clusterIPs returns the addresses of a Service, that of its first IP family first. A headless Service has none.
func clusterIPs(service *unstructured.Unstructured) []string {
	if service == nil {
		return nil
	}
	ips, _, _ := unstructured.NestedStringSlice(service.Object, "spec", "clusterIPs")
	if len(ips) > 0 && ips[0] == "None" {
		return nil
	}
	return ips
}
