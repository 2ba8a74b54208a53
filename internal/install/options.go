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
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

const (
	// maxOption is the longest annotation that is parsed, in bytes. Two lists of three quantities
	// take about 200.
	maxOption = 1 << 10
	// maxProblem is the longest quotation from an annotation or from an error about one, in bytes.
	// Problems end up in an annotation of a Secret, and an Event's note holds 1,024 characters.
	maxProblem = 200
	// systemClass begins the names of the PriorityClasses that Kubernetes reserves for itself.
	// Their Pods evict all others, while every other class has at most half of their priority.
	systemClass = "system-"
)

// Bounds are the most that the annotations of a Cluster can ask for. The DNS servers run with a
// priority that evicts other Pods, so whoever writes these annotations could fill the nodes of a
// workload cluster.
type Bounds struct {
	// Replicas is the most DNS servers of one workload cluster; at least 1.
	Replicas int32
	// Resources are the most CPU, memory and ephemeral storage of each DNS server, for requests and
	// limits alike.
	Resources corev1.ResourceList
	// SystemClasses are the PriorityClasses that begin with "system-" and may be asked for, besides
	// the one of the Values.
	SystemClasses []string
}

// DefaultResources returns the default of Bounds.Resources. 100,000 gateways take up to 400 MB, and
// no query needs more than one CPU.
func DefaultResources() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("2"),
		corev1.ResourceMemory:           resource.MustParse("1Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Gi"),
	}
}

// ParseBound returns the resources of a JSON object such as {"memory":"2Gi"}, with DefaultResources
// if it does not name them.
func ParseBound(text string) (corev1.ResourceList, error) {
	named := resourceList{}
	if err := yaml.UnmarshalStrict([]byte(text), &named); err != nil {
		return nil, fmt.Errorf("parsing: %w", err)
	}
	bound := DefaultResources()
	for name, given := range named {
		if _, known := bound[name]; !known {
			return nil, fmt.Errorf("%s is not one of cpu, memory and ephemeral-storage", name)
		}
		if given.Sign() <= 0 {
			return nil, fmt.Errorf("%s must be more than 0", name)
		}
		bound[name] = given.Quantity
	}
	return bound, nil
}

// ParsePriorityClass returns the class of templates.Values for a name as users write it, which may
// be xccv1.NoPriorityClass.
func ParsePriorityClass(name string) (string, error) {
	if name == xccv1.NoPriorityClass {
		return "", nil
	}
	if len(name) > content.DNS1123SubdomainMaxLength || len(content.IsDNS1123Subdomain(name)) > 0 {
		return "", fmt.Errorf("must be the name of a PriorityClass, for example %s, or %s", templates.DefaultPriorityClass, xccv1.NoPriorityClass)
	}
	return name, nil
}

// ParseSystemClasses checks names that Bounds.SystemClasses may hold. A name of another class would
// allow nothing that is not allowed anyway, so that it is a mistake.
func ParseSystemClasses(names []string) ([]string, error) {
	var classes []string
	for _, name := range names {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if !strings.HasPrefix(name, systemClass) || len(content.IsDNS1123Subdomain(name)) > 0 {
			return nil, fmt.Errorf("%q is not the name of a PriorityClass that begins with %s", name, systemClass)
		}
		classes = append(classes, name)
	}
	return classes, nil
}

// HasOptions returns whether a Cluster with these annotations has options of its own.
func HasOptions(annotations map[string]string) bool {
	_, replicas := annotations[xccv1.DNSReplicasAnnotation]
	_, resources := annotations[xccv1.DNSResourcesAnnotation]
	_, class := annotations[xccv1.DNSPriorityClassAnnotation]
	_, pinned := annotations[xccv1.DNSCorefileAnnotation]
	return replicas || resources || class || pinned
}

// PinnedCorefile returns the Corefile that a Cluster's annotation names. It is nil if there is no
// such annotation or that is wrong.
func PinnedCorefile(annotations map[string]string) *corefile.File {
	file, ok := corefile.ParseFile(strings.TrimSpace(annotations[xccv1.DNSCorefileAnnotation]))
	if !ok {
		return nil
	}
	return &file
}

// Options returns the values with the options in a Cluster's annotations. If these are wrong or
// exceed the bounds, it returns one sentence that says what to change, and the values are of no
// use. Which servers of cluster DNS are configured follows from PinnedCorefile and from what is
// found in the workload cluster.
func Options(annotations map[string]string, values templates.Values, bounds Bounds) (templates.Values, string) {
	var problems []string
	if written, ok := annotations[xccv1.DNSReplicasAnnotation]; ok {
		replicas, err := strconv.ParseInt(strings.TrimSpace(written), 10, 32)
		if err != nil || replicas < 1 || replicas > int64(bounds.Replicas) {
			problems = append(problems, fmt.Sprintf("annotation %s is %q; it must be a whole number from 1 to %d, the manager's --max-dns-replicas",
				xccv1.DNSReplicasAnnotation, text.Line(written, maxProblem), bounds.Replicas))
		}
		values.Replicas = int32(replicas)
	}
	if written, ok := annotations[xccv1.DNSResourcesAnnotation]; ok {
		resources, err := parseResources(written, bounds.Resources)
		if err != nil {
			problems = append(problems, fmt.Sprintf(`annotation %s must be JSON such as {"requests":{"cpu":"100m"}}: %s`,
				xccv1.DNSResourcesAnnotation, text.Line(err.Error(), maxProblem)))
		}
		values.Resources = resources
	}
	if written, ok := annotations[xccv1.DNSPriorityClassAnnotation]; ok {
		class, err := ParsePriorityClass(written)
		switch {
		case err != nil:
			problems = append(problems, fmt.Sprintf("annotation %s is %q; it %s",
				xccv1.DNSPriorityClassAnnotation, text.Line(written, maxProblem), err))
		case strings.HasPrefix(class, systemClass) && class != values.PriorityClass && !slices.Contains(bounds.SystemClasses, class):
			problems = append(problems, fmt.Sprintf("annotation %s is %q; of the classes that begin with %s the manager allows only its "+
				"--dns-priority-class and those in --allowed-dns-priority-classes", xccv1.DNSPriorityClassAnnotation, text.Line(class, maxProblem), systemClass))
		}
		values.PriorityClass = class
	}
	if written, ok := annotations[xccv1.DNSCorefileAnnotation]; ok && PinnedCorefile(annotations) == nil {
		problems = append(problems, fmt.Sprintf("annotation %s is %q; it must be <namespace>/<configmap>/<key>, for example kube-system/nodelocaldns/Corefile",
			xccv1.DNSCorefileAnnotation, text.Line(written, maxProblem)))
	}
	return values, strings.Join(problems, "; ")
}

// parseResources refuses values that the API server of the workload cluster would refuse, because
// users do not look there. Memory without a limit gets the bound as its limit: no limit is more
// than any bound.
func parseResources(text string, bound corev1.ResourceList) (*corev1.ResourceRequirements, error) {
	if len(text) > maxOption {
		return nil, fmt.Errorf("it is longer than %d bytes", maxOption)
	}
	parsed := struct {
		Requests resourceList `json:"requests"`
		Limits   resourceList `json:"limits"`
	}{}
	if err := yaml.UnmarshalStrict([]byte(text), &parsed); err != nil {
		return nil, err
	}
	for _, list := range []struct {
		name       string
		quantities resourceList
	}{{"request", parsed.Requests}, {"limit", parsed.Limits}} {
		if err := list.quantities.check(list.name, bound); err != nil {
			return nil, err
		}
	}
	for name, request := range parsed.Requests {
		if limit, ok := parsed.Limits[name]; ok && request.Cmp(limit.Quantity) > 0 {
			return nil, fmt.Errorf("the request of %s is more than its limit", name)
		}
	}
	resources := &corev1.ResourceRequirements{Requests: parsed.Requests.canonical(), Limits: parsed.Limits.canonical()}
	if _, limited := resources.Limits[corev1.ResourceMemory]; !limited {
		if resources.Limits == nil {
			resources.Limits = corev1.ResourceList{}
		}
		resources.Limits[corev1.ResourceMemory] = bound[corev1.ResourceMemory]
	}
	return resources, nil
}

type resourceList map[corev1.ResourceName]quantity

func (l resourceList) check(kind string, bound corev1.ResourceList) error {
	var errs []error
	for name, given := range l {
		most, known := bound[name]
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("%s is not one of cpu, memory and ephemeral-storage", name))
		case given.Sign() < 0:
			errs = append(errs, fmt.Errorf("%s is negative", name))
		case given.Cmp(most) > 0:
			errs = append(errs, fmt.Errorf("the %s of %s is %s; the most is %s, the manager's --max-dns-resources",
				kind, name, given.String(), most.String()))
		}
	}
	// Maps have no order, and a sentence that changes is written again.
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// canonical spells the quantities as API servers do, so that what is read back equals what was
// sent.
func (l resourceList) canonical() corev1.ResourceList {
	if len(l) == 0 {
		return nil
	}
	list := corev1.ResourceList{}
	for name, given := range l {
		list[name] = resource.MustParse(given.String())
	}
	return list
}

// quantity is a resource.Quantity of a spelling whose parsing is cheap: resource.ParseQuantity
// takes 2 s for 1e-9999999, and hours for an exponent of nine digits.
type quantity struct{ resource.Quantity }

// cheapQuantity matches a number with a suffix, or with an exponent of at most two digits. 1e99 is
// more than any resource.
var cheapQuantity = regexp.MustCompile(`^[+-]?[0-9.]{1,24}([eE][+-]?[0-9]{1,2}|[a-zA-Z]{0,2})$`)

// UnmarshalJSON reads a quantity, which is a string or a number.
func (q *quantity) UnmarshalJSON(text []byte) error {
	spelt := strings.Trim(string(text), `"`)
	if !cheapQuantity.MatchString(spelt) {
		return fmt.Errorf("it is not a quantity such as 100m or 64Mi: %s", text)
	}
	parsed, err := resource.ParseQuantity(spelt)
	if err != nil {
		return fmt.Errorf("it is not a quantity such as 100m or 64Mi: %s: %w", spelt, err)
	}
	q.Quantity = parsed
	return nil
}
