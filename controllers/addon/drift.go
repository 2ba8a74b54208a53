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
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// restartedAt is set in a Pod template by "kubectl rollout restart". Undoing it would undo the
// restart.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// maxList bounds a list of differences in an Event, in bytes. The API server refuses a note of more
// than 1024 characters.
const maxList = 800

// drift is an object of a workload cluster that differs from the payload.
type drift struct {
	install.Reference
	// difference tells users how it differs.
	difference string
	// immutable is the object as it is if it differs in a field that Kubernetes does not let
	// change; nil otherwise.
	immutable *unstructured.Unstructured
}

// findDrift returns the objects of the payload that applying it once more would change, apart from
// additions of others. It asks the workload cluster only about objects that are not known to be
// right. With an error it returns what it found nevertheless: an object that a policy refuses keeps
// no other from being repaired.
func (w *workloadCluster) findDrift(ctx context.Context, held []unstructured.Unstructured, history *history) ([]drift, error) {
	var found []drift
	var errs []error
	for i := range held {
		ref := install.ReferenceTo(&held[i])
		cached, err := w.readCached(ctx, ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if cached != nil && history.isDriftFree(ref, cached) {
			continue
		}
		live, difference, err := w.compare(ctx, &held[i])
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("comparing %s with the payload: %w", ref, err))
		case difference != nil:
			difference.Reference = ref
			found = append(found, *difference)
		case cached != nil && cached.GetResourceVersion() == live.GetResourceVersion():
			history.setDriftFree(ref, cached)
		}
	}
	return found, errors.Join(errs...)
}

func (w *workloadCluster) readCached(ctx context.Context, ref install.Reference) (client.Object, error) {
	empty, err := w.live.Scheme().New(ref.GroupVersionKind())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	return get(ctx, w.cached, ref.Key(), empty.(client.Object))
}

// compare has the API server apply the ClusterResourceSet controller's patch in a dry run to the
// object. It returns the object as it is and how the two differ; nil if they do not. All defaults
// and everything that admission adds are the same in both.
func (w *workloadCluster) compare(ctx context.Context, object *unstructured.Unstructured) (*unstructured.Unstructured, *drift, error) {
	live := install.ReferenceTo(object).Object()
	if err := w.live.Get(ctx, client.ObjectKeyFromObject(object), live); apierrors.IsNotFound(err) {
		return nil, &drift{difference: "is missing"}, nil
	} else if err != nil {
		return nil, nil, err
	}
	patched := object.DeepCopy()
	patched.SetResourceVersion(live.GetResourceVersion())
	err := w.live.Patch(ctx, patched, client.MergeFrom(live), client.DryRunAll)
	if apierrors.IsInvalid(err) {
		immutable, createErr := w.isImmutable(ctx, object)
		if createErr != nil {
			return nil, nil, createErr
		}
		if immutable {
			return live, &drift{difference: "differs in a field that cannot be changed", immutable: live}, nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if isHeadless(live) && !isHeadless(object) {
		return live, &drift{difference: "is headless", immutable: live}, nil
	}
	if field := differentField(object, live, patched); field != "" {
		return live, &drift{difference: "differs in " + field}, nil
	}
	return live, nil, nil
}

// isImmutable returns whether the API server would accept the object anew that it does not accept
// as a change.
func (w *workloadCluster) isImmutable(ctx context.Context, object *unstructured.Unstructured) (bool, error) {
	probe := object.DeepCopy()
	probe.SetName("")
	probe.SetGenerateName("xcc-probe-")
	err := w.live.Create(ctx, probe, client.DryRunAll)
	var status apierrors.APIStatus
	if err == nil {
		return true, nil
	} else if errors.As(err, &status) {
		return false, nil
	}
	return false, err
}

// isHeadless returns whether an object is a Service without an address. That cannot be changed, and
// a patch without an address is no change. A headless Service answers no query, so nothing is lost
// if it is created anew.
func isHeadless(object *unstructured.Unstructured) bool {
	address, _, _ := unstructured.NestedString(object.Object, "spec", "clusterIP")
	return object.GetKind() == "Service" && address == corev1.ClusterIPNone
}

// differentField returns the first field in which two objects differ, of the fields that the
// payload sets; empty if there is none. Labels and annotations of others do not count: they are
// lost at the next apply and come back.
func differentField(object, live, patched *unstructured.Unstructured) string {
	for _, metadata := range []struct {
		name string
		of   func(*unstructured.Unstructured) map[string]string
	}{
		{"metadata.labels", (*unstructured.Unstructured).GetLabels},
		{"metadata.annotations", (*unstructured.Unstructured).GetAnnotations},
	} {
		for key := range metadata.of(object) {
			if metadata.of(live)[key] != metadata.of(patched)[key] {
				return metadata.name
			}
		}
	}
	if _, asked := live.GetAnnotations()[xccv1.RemoveAnnotation]; asked {
		return "metadata.annotations"
	}
	return differentContent(trimContent(object, live), trimContent(object, patched), "")
}

// trimContent returns the fields besides metadata and status, without those that Kubernetes and its
// tools set by themselves.
func trimContent(object, version *unstructured.Unstructured) map[string]any {
	content := maps.Clone(version.Object)
	delete(content, "metadata")
	delete(content, "status")
	switch object.GetKind() {
	case "ServiceAccount":
		for _, field := range []string{"secrets", "imagePullSecrets"} {
			if _, ours := object.Object[field]; !ours {
				delete(content, field)
			}
		}
	case "Deployment":
		content = (&unstructured.Unstructured{Object: content}).DeepCopy().Object
		path := []string{"spec", "template", "metadata", "annotations"}
		unstructured.RemoveNestedField(content, append(path, restartedAt)...)
		if left, _, _ := unstructured.NestedMap(content, path...); len(left) == 0 {
			unstructured.RemoveNestedField(content, path...)
		}
	}
	return content
}

// differentContent returns the path of the first field that differs; empty if there is none.
func differentContent(a, b any, path string) string {
	if apiequality.Semantic.DeepEqual(a, b) {
		return ""
	}
	inA, isMapA := a.(map[string]any)
	inB, isMapB := b.(map[string]any)
	if !isMapA || !isMapB {
		return strings.TrimPrefix(path, ".")
	}
	keys := maps.Clone(inA)
	maps.Copy(keys, inB)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if field := differentContent(inA[key], inB[key], path+"."+key); field != "" {
			return field
		}
	}
	return strings.TrimPrefix(path, ".")
}

// describe lists differences in a few words, with the last writer of each object if a function
// tells that.
func describe(found []drift, lastWriter func(install.Reference) string) string {
	const most = 3
	var parts []string
	for i, d := range found {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more", len(found)-most))
			break
		}
		part := d.String() + " " + d.difference
		if lastWriter != nil {
			if writer := lastWriter(d.Reference); writer != "" {
				part += " (last written by " + writer + ")"
			}
		}
		parts = append(parts, part)
	}
	return text.Line(strings.Join(parts, ", "), maxList)
}
