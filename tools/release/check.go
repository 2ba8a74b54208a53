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

package release

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/cluster-api/cmd/clusterctl/client/yamlprocessor"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
)

const (
	namespace     = "xcc-system"
	providerLabel = "cluster.x-k8s.io/provider"
	provider      = "addon-xcc"

	// namespaceVariable is the namespace of an installation with the rights of one namespace. It has no default.
	namespaceVariable = "XCC_NAMESPACE"
)

// kinds are the kinds that the components may hold, each with whether it is namespaced. clusterctl moves namespaced objects to
// the provider's namespace and re-creates them at every upgrade; other objects outlive the provider.
var kinds = map[string]bool{
	"Namespace": false, "CustomResourceDefinition": false, "ClusterRole": false, "ClusterRoleBinding": false,
	"ServiceAccount": true, "Role": true, "RoleBinding": true, "Deployment": true,
}

// variables are the documented variables.
var variables = []string{
	"XCC_ALLOWED_DNS_PRIORITY_CLASSES", "XCC_DIAGNOSTICS_ADDRESS", "XCC_DNS_DENY_ADDRESSES", "XCC_DNS_IMAGE", "XCC_DNS_IMAGE_PULL_SECRET", "XCC_DNS_NODE_SELECTOR",
	"XCC_DNS_PRIORITY_CLASS", "XCC_DNS_REPLICAS",
	"XCC_DNS_RESOURCES", "XCC_DNS_TOLERATIONS", "XCC_DNS_TTL", "XCC_DRAIN_TIME", "XCC_INSECURE_DIAGNOSTICS",
	"XCC_MANAGER_MEMORY_LIMIT", "XCC_MANAGER_MEMORY_REQUEST", "XCC_MAX_DNS_REPLICAS", "XCC_MAX_DNS_RESOURCES", "XCC_ROLLOUT_CONCURRENCY", "XCC_ROLLOUT_IGNORE_UNREADY",
	"XCC_ZONE",
}

// Check returns an error for each fault of the components of a release, joined. It reads them as clusterctl does if no variable
// is set.
func Check(components []byte) error {
	if err := checkVariables(components); err != nil {
		return err
	}
	objects, err := Process(components, nil)
	if err != nil {
		return err
	}
	errs := []error{checkNamespaces(objects)}
	for _, object := range objects {
		if err := checkObject(object); err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

// CheckNamespaced returns an error for each fault of components for one namespace, joined. All objects must be in that
// namespace, and the namespace must be the only variable without a default.
func CheckNamespaced(components []byte) error {
	const anyNamespace = "dev-team"
	objects, err := Process(components, map[string]string{namespaceVariable: anyNamespace})
	if err != nil {
		return err
	}
	var errs []error
	for _, object := range objects {
		var err error
		switch {
		case !kinds[object.GetKind()]:
			err = errors.New("objects of this kind have no namespace, or are no part of the provider")
		case object.GetNamespace() != anyNamespace:
			err = fmt.Errorf("it is in the namespace %q, not in ${%s}", object.GetNamespace(), namespaceVariable)
		case object.GetKind() == "Deployment":
			err = checkDeployment(object)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err))
		}
	}
	return errors.Join(errs...)
}

// Process returns the objects that clusterctl reads from the components if these variables are set. It fails, as clusterctl
// does, for a variable that is not set and has no default.
func Process(components []byte, set map[string]string) ([]unstructured.Unstructured, error) {
	processed, err := yamlprocessor.NewSimpleProcessor().Process(components, func(name string) (string, error) {
		if value, ok := set[name]; ok {
			return value, nil
		}
		return "", fmt.Errorf("the variable %s is not set", name)
	})
	if err != nil {
		return nil, fmt.Errorf("replacing variables: %w", err)
	}
	objects, err := utilyaml.ToUnstructured(processed)
	if err != nil {
		return nil, fmt.Errorf("reading the manifests: %w", err)
	}
	return objects, nil
}

func checkVariables(components []byte) error {
	defaults, err := yamlprocessor.NewSimpleProcessor().GetVariableMap(components)
	if err != nil {
		return fmt.Errorf("looking for variables: %w", err)
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if !slices.Contains(variables, name) {
			errs = append(errs, fmt.Errorf("the variable %s is not documented", name))
		}
		if defaults[name] == nil {
			errs = append(errs, fmt.Errorf("the variable %s has no default, or an empty one, so users would have to set it", name))
		}
	}
	for _, name := range variables {
		if _, ok := defaults[name]; !ok {
			errs = append(errs, fmt.Errorf("the variable %s is documented and does nothing", name))
		}
	}
	return errors.Join(errs...)
}

// checkNamespaces returns an error unless there is exactly one Namespace: clusterctl refuses more, and without one it would not
// delete ours.
func checkNamespaces(objects []unstructured.Unstructured) error {
	var names []string
	for _, object := range objects {
		if object.GetKind() == "Namespace" {
			names = append(names, object.GetName())
		}
	}
	if !slices.Equal(names, []string{namespace}) {
		return fmt.Errorf("the components hold the Namespaces %q, not exactly %s", names, namespace)
	}
	return nil
}

func checkObject(object unstructured.Unstructured) error {
	namespaced, known := kinds[object.GetKind()]
	switch {
	case !known:
		return fmt.Errorf("objects of this kind are no part of the provider")
	case namespaced && object.GetNamespace() != namespace:
		return fmt.Errorf("it is in the namespace %q, not in %s", object.GetNamespace(), namespace)
	case object.GetLabels()[providerLabel] != provider:
		return fmt.Errorf("it has no label %s: %s", providerLabel, provider)
	}
	switch object.GetKind() {
	case "CustomResourceDefinition":
		return checkDefinition(object)
	case "Deployment":
		return checkDeployment(object)
	}
	return nil
}

// checkDefinition returns an error unless a CRD has the labels that Cluster API reads: its version for the contract, and the
// label that makes "clusterctl move" move its objects.
func checkDefinition(object unstructured.Unstructured) error {
	labels := object.GetLabels()
	if labels["cluster.x-k8s.io/v1beta2"] != "v1alpha1" {
		return errors.New("the label cluster.x-k8s.io/v1beta2 does not say v1alpha1")
	}
	if _, ok := labels[clusterctlv1.ClusterctlMoveLabel]; !ok {
		return fmt.Errorf("the label %s is missing", clusterctlv1.ClusterctlMoveLabel)
	}
	return nil
}

// checkDeployment returns an error unless the container has the name that clusterctl expects, and all images are released
// ones.
func checkDeployment(object unstructured.Unstructured) error {
	containers, _, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
	if err != nil {
		return fmt.Errorf("reading its containers: %w", err)
	}
	if len(containers) != 1 {
		return fmt.Errorf("it has %d containers, not one", len(containers))
	}
	container, _ := containers[0].(map[string]any)
	if container["name"] != "manager" {
		return fmt.Errorf("its container is called %v, not manager", container["name"])
	}
	texts, _, err := unstructured.NestedStringSlice(container, "args")
	if err != nil {
		return fmt.Errorf("reading its arguments: %w", err)
	}
	image, _ := container["image"].(string)
	for _, text := range append(texts, image) {
		if strings.HasSuffix(text, ":"+unreleased) {
			return fmt.Errorf("it names the image %s, which is not released", text)
		}
	}
	return nil
}
