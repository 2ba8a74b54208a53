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

package legacy

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// Object names an object of a workload cluster.
type Object struct {
	APIVersion string
	Kind       string
	Namespace  string
	Name       string
}

// Objects returns the objects of the 2022 project that are no longer needed. Its other objects have the names of ours and are
// taken over in place. Its Role system-corefile-updater in kube-system stays: nothing in it says whose it is.
func Objects() []Object {
	const rbac = "rbac.authorization.k8s.io/v1"
	return []Object{
		{"batch/v1", "Job", xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName},
		{"v1", "ConfigMap", xccv1.WorkloadNamespace, "dns-server-corefile"},
		{rbac, "RoleBinding", "kube-system", xccv1.DNSConfigPatcherName},
		{rbac, "Role", xccv1.WorkloadNamespace, "capi-dns-service-watcher"},
		{rbac, "Role", xccv1.WorkloadNamespace, "xcc-dns-service-watcher"},
	}
}

// IsObject returns whether the object is one of Objects, in any version of its API. A RoleBinding must also grant its rights to
// the patcher alone, because its name proves nothing in kube-system.
func IsObject(object *unstructured.Unstructured) bool {
	named := slices.ContainsFunc(Objects(), func(o Object) bool {
		return schema.FromAPIVersionAndKind(o.APIVersion, o.Kind).GroupKind() == object.GroupVersionKind().GroupKind() &&
			o.Namespace == object.GetNamespace() && o.Name == object.GetName()
	})
	return named && (object.GetKind() != "RoleBinding" || bindsPatcher(object))
}

// bindsPatcher returns whether the ServiceAccount of the patcher is the only subject of a RoleBinding.
func bindsPatcher(binding *unstructured.Unstructured) bool {
	subjects, _, _ := unstructured.NestedSlice(binding.Object, "subjects")
	if len(subjects) != 1 {
		return false
	}
	subject, _ := subjects[0].(map[string]any)
	return subject["kind"] == "ServiceAccount" && subject["name"] == xccv1.DNSConfigPatcherName && subject["namespace"] == xccv1.WorkloadNamespace
}

// IsServerPod returns whether a Pod behind the Service of the DNS server is one of the 2022 project, by its labels.
func IsServerPod(labels map[string]string) bool { return labels[xccv1.PartOfLabel] != xccv1.PartOf }
