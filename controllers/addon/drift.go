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
)

// restartedAt is what "kubectl rollout restart" sets in a Pod template. Undoing it would undo the restart.
const restartedAt = "kubectl.kubernetes.io/restartedAt"

// drift is an object of a workload cluster that is not what the payload says.
type drift struct {
	reference
	// what says how it differs.
	what string
	// immutable is the object as it is when it differs in what Kubernetes does not let anybody change.
	immutable *unstructured.Unstructured
}

// findDrift returns the objects of the payload that applying it once more would change, besides what others put on them. It
// asks the workload cluster only about objects that are not known to be right. With an error it returns what it found all
// the same: an object that a policy refuses keeps no other from being repaired.
func (r *Reconciler) findDrift(ctx context.Context, s *scope, reader client.Reader, remote client.Client) ([]drift, error) {
	known := r.memory.known(s.key(), s.secret.Annotations[xccv1.PayloadAnnotation])
	var found []drift
	var errs []error
	for _, object := range objectsOf(s.secret) {
		ref := referenceTo(&object)
		cached, err := r.readCached(ctx, reader, ref)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if cached != nil && known.is(ref, cached) {
			continue
		}
		live, difference, err := r.compare(ctx, remote, &object)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("comparing %s with the payload: %w", ref, err))
		case difference != nil:
			difference.reference = ref
			found = append(found, *difference)
		case cached != nil && cached.GetResourceVersion() == live.GetResourceVersion():
			known.set(ref, cached)
		}
	}
	return found, errors.Join(errs...)
}

func (r *Reconciler) readCached(ctx context.Context, reader client.Reader, ref reference) (client.Object, error) {
	empty, err := r.Client.Scheme().New(ref.gvk())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref, err)
	}
	return get(ctx, reader, ref.key(), empty.(client.Object))
}

// compare asks the API server what the ClusterResourceSet controller's patch would make of the object, and returns the
// object as it is and how the two differ, or nil. All defaults and whatever admission adds are the same in both.
func (r *Reconciler) compare(ctx context.Context, remote client.Client, object *unstructured.Unstructured) (*unstructured.Unstructured, *drift, error) {
	live := referenceTo(object).object()
	if err := remote.Get(ctx, client.ObjectKeyFromObject(object), live); apierrors.IsNotFound(err) {
		return nil, &drift{what: "is missing"}, nil
	} else if err != nil {
		return nil, nil, err
	}
	patched := object.DeepCopy()
	patched.SetResourceVersion(live.GetResourceVersion())
	err := remote.Patch(ctx, patched, client.MergeFrom(live), client.DryRunAll)
	if apierrors.IsInvalid(err) {
		immutable, createErr := isImmutable(ctx, remote, object)
		if createErr != nil {
			return nil, nil, createErr
		}
		if immutable {
			return live, &drift{what: "differs in a field that cannot be changed", immutable: live}, nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	if isHeadless(live) && !isHeadless(object) {
		return live, &drift{what: "is headless", immutable: live}, nil
	}
	if field := differentField(object, live, patched); field != "" {
		return live, &drift{what: "differs in " + field}, nil
	}
	return live, nil, nil
}

// isHeadless returns whether an object is a Service without an address. That cannot be changed, and a patch which does not
// name an address is no change. Nobody can ask such a Service, so that nothing is lost when it is created anew.
func isHeadless(object *unstructured.Unstructured) bool {
	address, _, _ := unstructured.NestedString(object.Object, "spec", "clusterIP")
	return object.GetKind() == "Service" && address == corev1.ClusterIPNone
}

// isImmutable returns whether an object that the API server does not accept as a change is one that it would accept anew.
func isImmutable(ctx context.Context, remote client.Client, object *unstructured.Unstructured) (bool, error) {
	probe := object.DeepCopy()
	probe.SetName("")
	probe.SetGenerateName("xcc-probe-")
	err := remote.Create(ctx, probe, client.DryRunAll)
	var status apierrors.APIStatus
	if err == nil {
		return true, nil
	} else if errors.As(err, &status) {
		return false, nil
	}
	return false, err
}

// differentField returns the first field in which two objects differ, of those that the payload decides. What others may put
// on an object is not among them: it is lost at the next apply and comes back.
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

// trimContent returns what is neither metadata nor status, without what Kubernetes and its tools write there by themselves.
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

// differentContent returns the path of the first field that differs, or the empty string.
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
