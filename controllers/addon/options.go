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
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

// maxReplicas is more DNS servers than any workload cluster needs; a typing error must not fill its nodes.
const maxReplicas = 100

// hasOptions returns whether a Cluster has options of its own.
func hasOptions(cluster *clusterv1.Cluster) bool {
	_, replicas := cluster.Annotations[xccv1.DNSReplicasAnnotation]
	_, resources := cluster.Annotations[xccv1.DNSResourcesAnnotation]
	return replicas || resources
}

// valuesFor returns the values with the options that a Cluster has in its annotations, or one sentence that says what is
// wrong with these.
func valuesFor(cluster *clusterv1.Cluster, values templates.Values) (templates.Values, string) {
	var problems []string
	if text, ok := cluster.Annotations[xccv1.DNSReplicasAnnotation]; ok {
		replicas, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
		if err != nil || replicas < 1 || replicas > maxReplicas {
			problems = append(problems, fmt.Sprintf("annotation %s is %q; it must be a whole number from 1 to %d",
				xccv1.DNSReplicasAnnotation, text, maxReplicas))
		}
		values.Replicas = int32(replicas)
	}
	if text, ok := cluster.Annotations[xccv1.DNSResourcesAnnotation]; ok {
		resources, err := parseResources(text)
		if err != nil {
			problems = append(problems, fmt.Sprintf(`annotation %s must be JSON such as {"requests":{"cpu":"100m"}}: %s`,
				xccv1.DNSResourcesAnnotation, strings.Join(strings.Fields(err.Error()), " ")))
		}
		values.Resources = resources
	}
	return values, strings.Join(problems, "; ")
}

// parseResources refuses what the API server of the workload cluster would refuse, because there nobody would see it.
func parseResources(text string) (*corev1.ResourceRequirements, error) {
	resources := &corev1.ResourceRequirements{}
	if err := yaml.UnmarshalStrict([]byte(text), resources); err != nil {
		return nil, err
	}
	if len(resources.Claims) > 0 {
		return nil, errors.New("claims are not supported")
	}
	for _, list := range []corev1.ResourceList{resources.Requests, resources.Limits} {
		for name, quantity := range list {
			if quantity.Sign() < 0 {
				return nil, fmt.Errorf("%s is negative", name)
			}
			if name != corev1.ResourceCPU && name != corev1.ResourceMemory && name != corev1.ResourceEphemeralStorage {
				return nil, fmt.Errorf("%s is not one of cpu, memory and ephemeral-storage", name)
			}
		}
	}
	for name, request := range resources.Requests {
		if limit, ok := resources.Limits[name]; ok && request.Cmp(limit) > 0 {
			return nil, fmt.Errorf("the request of %s is more than its limit", name)
		}
	}
	return canonical(resources), nil
}

// canonical spells the quantities as API servers do, so that what is read back equals what was sent.
func canonical(resources *corev1.ResourceRequirements) *corev1.ResourceRequirements {
	for _, list := range []corev1.ResourceList{resources.Requests, resources.Limits} {
		for name, quantity := range list {
			list[name] = resource.MustParse(quantity.String())
		}
	}
	return resources
}
