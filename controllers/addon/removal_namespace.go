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
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// removeNamespace deletes the namespace if nothing is in it but what is ours or Kubernetes' own. With anything else it stays,
// and so do all those objects.
func (r *Reconciler) removeNamespace(ctx context.Context, s *scope, live client.Client) (wait, error) {
	namespace, err := get(ctx, client.Reader(live), client.ObjectKey{Name: xccv1.WorkloadNamespace}, &corev1.Namespace{})
	if err != nil || namespace == nil {
		return wait{}, err
	}
	gone := wait{reason: "Waiting for the end of the namespace " + xccv1.WorkloadNamespace, after: ending}
	if !namespace.DeletionTimestamp.IsZero() {
		return gone, nil
	}
	foreign, err := r.foreign(ctx, s, live)
	if undiscovered, ok := errors.AsType[*discovery.ErrGroupDiscoveryFailed](err); ok {
		return wait{
			reason: "Waiting to know whether something else is in the namespace " + xccv1.WorkloadNamespace + ": " + silentGroups(undiscovered),
			after:  searching,
		}, nil
	} else if err != nil {
		return wait{}, err
	}
	if len(foreign) > 0 || namespace.Labels[xccv1.PartOfLabel] != xccv1.PartOf {
		r.Recorder.Eventf(s.cluster, nil, corev1.EventTypeNormal, "NamespaceKept", "Remove", "%s", kept(foreign))
		return wait{}, nil
	}
	if err := live.Delete(ctx, namespace, client.Preconditions{UID: &namespace.UID}); client.IgnoreNotFound(err) != nil {
		return wait{}, fmt.Errorf("deleting the namespace: %w", err)
	}
	return gone, nil
}

func kept(foreign []string) string {
	const most = 5
	more := ""
	if len(foreign) > most {
		more = fmt.Sprintf(" and %d more", len(foreign)-most)
		foreign = foreign[:most]
	}
	return fmt.Sprintf("The namespace %s of the workload cluster stays, because it holds what is not the add-on's: %s%s",
		xccv1.WorkloadNamespace, text.Line(strings.Join(foreign, ", "), longestList), more)
}

// maxKinds is how many kinds of a workload cluster are looked at, each with a request: some times as many as large clusters
// have. A namespace in a cluster with more of them stays.
const maxKinds = 1000

// foreign lists what somebody else put into the namespace, of all kinds that the API server knows.
func (r *Reconciler) foreign(ctx context.Context, s *scope, live client.Client) ([]string, error) {
	discoverer, err := r.Workload.Discovery(ctx, s.cluster)
	if err != nil {
		return nil, fmt.Errorf("connecting to list the namespace: %w", err)
	}
	lists, err := discoverer.ServerPreferredNamespacedResources()
	if err != nil {
		return nil, fmt.Errorf("listing the kinds of the workload cluster: %w", remote.Safe(err))
	}
	var present []inhabitant
	kinds := deletable(lists)
	if len(kinds) > maxKinds {
		return []string{fmt.Sprintf("perhaps objects of its %d kinds, more than are looked at", len(kinds))}, nil
	}
	for _, gvk := range kinds {
		objects := &metav1.PartialObjectMetadataList{}
		objects.SetGroupVersionKind(gvk)
		if err := live.List(ctx, objects, client.InNamespace(xccv1.WorkloadNamespace)); apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
			continue
		} else if err != nil {
			return nil, fmt.Errorf("listing %s: %w", gvk.Kind, err)
		}
		for i := range objects.Items {
			present = append(present, inhabitant{gvk, &objects.Items[i]})
		}
	}
	return strangers(present, kinds), nil
}

// silentGroups names the API groups whose kinds are not known because the server of their APIService does not answer.
func silentGroups(undiscovered *discovery.ErrGroupDiscoveryFailed) string {
	const most = 3
	var groups []string
	for group, err := range undiscovered.Groups {
		groups = append(groups, remote.Shorten(group.String())+" ("+remote.Describe(err)+")")
	}
	slices.Sort(groups)
	more := ""
	if len(groups) > most {
		more = fmt.Sprintf(" and %d more", len(groups)-most)
		groups = groups[:most]
	}
	return "these API groups do not answer, see their APIServices: " + strings.Join(groups, ", ") + more
}

// inhabitant is an object of the namespace.
type inhabitant struct {
	gvk schema.GroupVersionKind
	*metav1.PartialObjectMetadata
}

// strangers names those that are not expected and have no owner in the namespace. An owner of a namespaced kind is in the
// same namespace: it is judged by itself or, if it is gone, what it owned is about to be collected.
func strangers(present []inhabitant, namespaced []schema.GroupVersionKind) []string {
	var found []string
	isNamespaced := map[schema.GroupKind]bool{}
	for _, gvk := range namespaced {
		isNamespaced[gvk.GroupKind()] = true
	}
	for _, object := range present {
		isPart := len(object.OwnerReferences) > 0 && !slices.ContainsFunc(object.OwnerReferences, func(owner metav1.OwnerReference) bool {
			return !isNamespaced[schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind).GroupKind()]
		})
		if !isPart && !isExpected(object) {
			found = append(found, object.gvk.Kind+" "+object.Name)
		}
	}
	return found
}

// deletable returns the kinds of which objects can be in a namespace.
func deletable(lists []*metav1.APIResourceList) []schema.GroupVersionKind {
	var kinds []schema.GroupVersionKind
	for _, list := range lists {
		groupVersion, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") && slices.Contains(resource.Verbs, "delete") && resource.Kind != "Event" {
				kinds = append(kinds, groupVersion.WithKind(resource.Kind))
			}
		}
	}
	return kinds
}

// isExpected returns whether an object is ours, or made by Kubernetes in every namespace.
func isExpected(object inhabitant) bool {
	if object.Labels[xccv1.PartOfLabel] == xccv1.PartOf {
		return true
	}
	ref := reference{object.gvk.GroupVersion().String(), object.gvk.Kind, object.Namespace, object.Name}
	if containsObject(writtenThere(), ref) {
		return true
	}
	switch object.gvk.Kind {
	case "ConfigMap":
		return object.Name == "kube-root-ca.crt"
	case "ServiceAccount":
		return object.Name == "default"
	case "Secret":
		// A token of a ServiceAccount, as Kubernetes before 1.24 makes.
		return object.Annotations[corev1.ServiceAccountNameKey] == "default"
	default:
		return false
	}
}
