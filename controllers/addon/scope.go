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

package addon

import (
	"crypto/sha256"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// scope is the data of one reconcile: the add-on of one Cluster.
type scope struct {
	observed install.Observed

	cluster *clusterv1.Cluster
	// secret, set and binding are nil if they do not exist, or belong to someone else.
	secret  *corev1.Secret
	set     *addonsv1.ClusterResourceSet
	binding *addonsv1.ClusterResourceSetBinding
	// wanted is the payload of observed.Wanted, and held are the objects in the Secret.
	wanted payload
	held   []unstructured.Unstructured

	// workload is the workload cluster; nil until it is connected.
	workload *workloadCluster
	// deployments are those of the payload, once all of them have arrived.
	deployments []*appsv1.Deployment
	// due is the drift that may be repaired now, and incomplete why something could not be
	// compared.
	due        []drift
	incomplete error
	// blocks are the server blocks that are left during a removal.
	blocks blocks
}

func (s *scope) key() client.ObjectKey { return client.ObjectKeyFromObject(s.cluster) }

// observeSecret observes the Secret's State and objects.
func (s *scope) observeSecret() {
	if s.secret == nil {
		return
	}
	s.observed.HasSecret, s.observed.Present = true, true
	s.observed.State = install.Load(s.secret)
	s.held = objectsOf(s.secret)
	s.observed.Held = install.References(s.held)
}

// inventory returns every object that the add-on may have installed in the workload cluster.
func (s *scope) inventory() []install.Reference {
	return slices.Concat(s.observed.Held, s.observed.Wanted.Objects, s.observed.State.Obsolete)
}

// entry returns the binding's entry for the Cluster's ClusterResourceSet; nil if there is none.
func (s *scope) entry() *addonsv1.ResourceSetBinding {
	if s.binding == nil {
		return nil
	}
	for i := range s.binding.Spec.Bindings {
		if s.binding.Spec.Bindings[i].ClusterResourceSetName == payloadName(s.cluster).Name {
			return &s.binding.Spec.Bindings[i]
		}
	}
	return nil
}

// delivery returns how far the ClusterResourceSet controller is, by the binding that it keeps.
func (s *scope) delivery() install.Delivery {
	entry := s.entry()
	if entry == nil || s.secret == nil {
		return install.Pending
	}
	for _, resource := range entry.Resources {
		if resource.Name != s.secret.Name || resource.Kind != string(addonsv1.SecretClusterResourceSetResourceKind) {
			continue
		}
		switch {
		case resource.Hash != fmt.Sprintf("sha256:%x", sha256.Sum256(s.secret.Data[payloadKey])):
			return install.Pending
		case ptr.Deref(resource.Applied, false):
			return install.Applied
		default:
			return install.Refused
		}
	}
	return install.Pending
}

// ownedBy returns whether the owner, and not a former object of its name, is an owner of the
// object.
func ownedBy(object, owner client.Object) bool {
	return slices.ContainsFunc(object.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == owner.GetUID() })
}
