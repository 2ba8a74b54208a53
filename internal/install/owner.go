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

package install

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// enoughMarks of an object's three marks make it the add-on's: an owner reference to the Cluster,
// the cluster name label with the Cluster's name, and a mark of its kind. All releases write all
// three. One may get lost: a restore from a backup may drop owner references, and users edit
// labels. A user's own object that happens to have the name has one of them at most.
const enoughMarks = 2

// OwnsPayload returns whether a Secret with the name of a Cluster's payload is the add-on's. The
// mark of its kind is the annotation with the State.
func OwnsPayload(cluster *clusterv1.Cluster, secret *corev1.Secret) bool {
	return marks(cluster, secret, HasState(secret)) >= enoughMarks
}

// OwnsSet returns whether a ClusterResourceSet with the name of a Cluster's is the add-on's. The
// mark of its kind is that it selects Clusters by the label that only the add-on sets. A selector
// cannot be changed.
func OwnsSet(cluster *clusterv1.Cluster, set *addonsv1.ClusterResourceSet) bool {
	return marks(cluster, set, set.Spec.ClusterSelector.MatchLabels[xccv1.DNSClusterLabel] == cluster.Name) >= enoughMarks
}

func marks(cluster *clusterv1.Cluster, object metav1.Object, kindMark bool) int {
	count := 0
	for _, mark := range []bool{
		kindMark, object.GetLabels()[clusterv1.ClusterNameLabel] == cluster.Name, isOwner(cluster, object.GetOwnerReferences()),
	} {
		if mark {
			count++
		}
	}
	return count
}

// isOwner compares names, not UIDs: after a restore the reference has the UID of the former
// Cluster. clusterctl move rewrites it.
func isOwner(cluster *clusterv1.Cluster, owners []metav1.OwnerReference) bool {
	for _, owner := range owners {
		version, err := schema.ParseGroupVersion(owner.APIVersion)
		if err == nil && version.Group == clusterv1.GroupVersion.Group && owner.Kind == clusterv1.ClusterKind && owner.Name == cluster.Name {
			return true
		}
	}
	return false
}
