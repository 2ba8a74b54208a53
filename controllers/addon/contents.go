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
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// maxKinds is how many kinds of a workload cluster are looked at, each with a request: several
// times as many as large clusters have. A namespace in a cluster with more of them stays.
const maxKinds = 1000

// lookAtRest returns the contents of the namespace besides objects that are ours or that Kubernetes
// makes in every namespace.
func (w *workloadCluster) lookAtRest(ctx context.Context) (*install.Rest, error) {
	foreign, err := w.foreign(ctx)
	if undiscovered, ok := errors.AsType[*discovery.ErrGroupDiscoveryFailed](err); ok {
		return &install.Rest{Unknown: silentGroups(undiscovered)}, nil
	} else if err != nil {
		return nil, err
	}
	return &install.Rest{Foreign: firstFew(foreign)}, nil
}

// firstFew names a few of many objects.
func firstFew(objects []string) string {
	const most = 5
	more := ""
	if len(objects) > most {
		more = fmt.Sprintf(" and %d more", len(objects)-most)
		objects = objects[:most]
	}
	return text.Line(strings.Join(objects, ", "), maxList) + more
}

// foreign lists the foreign objects in the namespace, of all kinds that the API server knows.
func (w *workloadCluster) foreign(ctx context.Context) ([]string, error) {
	discoverer, err := w.discover(ctx)
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
		if err := w.live.List(ctx, objects, client.InNamespace(xccv1.WorkloadNamespace)); apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
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

// silentGroups names the API groups whose kinds are not known because the server of their
// APIService does not answer.
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

// strangers names the objects that are not expected and have no owner in the namespace. An owner of
// a namespaced kind is in the same namespace: it is judged by itself or, if it is gone, its objects
// are about to be collected.
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

// deletable returns the kinds whose objects can be listed and deleted in a namespace. Events do not
// count.
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

// isExpected returns whether an object is ours, or is made by Kubernetes in every namespace.
func isExpected(object inhabitant) bool {
	if object.Labels[xccv1.PartOfLabel] == xccv1.PartOf {
		return true
	}
	ref := install.Reference{APIVersion: object.gvk.GroupVersion().String(), Kind: object.gvk.Kind, Namespace: object.Namespace, Name: object.Name}
	if install.Contains(writtenByPatcher(), ref) {
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
