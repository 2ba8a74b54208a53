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
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// NewCustom returns the ConfigMap that the Corefiles of k3s and of clouds import, if it does not exist. The manager creates
// it: a right to create cannot be granted by name, so the patcher has none in kube-system. It holds our key from the
// beginning, so that a removal finds something to take out even before the patcher has written.
func NewCustom() *unstructured.Unstructured {
	configMap := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "data": map[string]any{corefile.CustomKey: ""},
	}}
	configMap.SetNamespace(corefile.Custom().Namespace)
	configMap.SetName(corefile.Custom().Name)
	configMap.SetLabels(customLabels())
	return configMap
}

// customLabels are the labels of a ConfigMap that NewCustom returned. Whoever takes the last key out of it deletes it.
func customLabels() map[string]string {
	return map[string]string{xccv1.PartOfLabel: xccv1.PartOf, "app.kubernetes.io/managed-by": xccv1.DNSConfigPatcherName}
}

// isCreatedForUs returns whether a ConfigMap has the labels of one that NewCustom returned.
func isCreatedForUs(configMap *unstructured.Unstructured) bool {
	labels := configMap.GetLabels()
	for key, value := range customLabels() {
		if labels[key] != value {
			return false
		}
	}
	return true
}
