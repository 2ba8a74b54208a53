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

package install_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

func bounds() install.Bounds {
	return install.Bounds{Replicas: 10, Resources: install.DefaultResources(), SystemClasses: []string{"system-allowed"}}
}

func TestOptionsAreKeptWithinTheBounds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		replicas, resources string
		problem             string
	}{
		"the most replicas":                   {replicas: "10"},
		"one replica more":                    {replicas: "11", problem: `is "11"; it must be a whole number from 1 to 10, the manager's --max-dns-replicas`},
		"no number":                           {replicas: "three", problem: "from 1 to 10"},
		"more than fits an integer":           {replicas: "99999999999999999999", problem: "from 1 to 10"},
		"megabytes of replicas":               {replicas: strings.Repeat("9", 200<<10), problem: "from 1 to 10"},
		"the most of everything":              {resources: `{"requests":{"cpu":"2","memory":"1Gi","ephemeral-storage":"1Gi"},"limits":{"cpu":2}}`},
		"a request of CPU beyond the bound":   {resources: `{"requests":{"cpu":"2001m"}}`, problem: "the request of cpu is 2001m; the most is 2, the manager's --max-dns-resources"},
		"a limit of CPU beyond the bound":     {resources: `{"limits":{"cpu":"64"}}`, problem: "the limit of cpu is 64; the most is 2"},
		"a request of memory":                 {resources: `{"requests":{"memory":"1025Mi"}}`, problem: "the request of memory is 1025Mi; the most is 1Gi"},
		"a limit of memory":                   {resources: `{"limits":{"memory":"1Ti"}}`, problem: "the limit of memory is 1Ti"},
		"ephemeral storage":                   {resources: `{"requests":{"ephemeral-storage":"2Gi"}}`, problem: "the request of ephemeral-storage is 2Gi"},
		"two problems, in the same order":     {resources: `{"requests":{"memory":"2Gi","cpu":"9"}}`, problem: "the request of cpu is 9; the most is 2, the manager's --max-dns-resources the request of memory"},
		"another resource":                    {resources: `{"requests":{"nvidia.com/gpu":"1"}}`, problem: "nvidia.com/gpu is not one of"},
		"claims":                              {resources: `{"claims":[{"name":"x"}]}`, problem: "unknown field"},
		"less than nothing":                   {resources: `{"requests":{"cpu":"-1"}}`, problem: "cpu is negative"},
		"a request above its limit":           {resources: `{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}`, problem: "more than its limit"},
		"an exponent that takes hours":        {resources: `{"requests":{"cpu":"1e-999999999"}}`, problem: "it is not a quantity"},
		"an exponent beyond all numbers":      {resources: `{"requests":{"cpu":"1e2000000000"}}`, problem: "it is not a quantity"},
		"an annotation of 200 kB":             {resources: `{"requests":{"cpu":"` + strings.Repeat("1", 200<<10) + `"}}`, problem: "longer than 1024 bytes"},
		"text that is no quantity, in length": {resources: `{"requests":{"cpu":"` + strings.Repeat("x", 900) + `"}}`, problem: "it is not a quantity"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			annotations := map[string]string{}
			if test.replicas != "" {
				annotations[xccv1.DNSReplicasAnnotation] = test.replicas
			}
			if test.resources != "" {
				annotations[xccv1.DNSResourcesAnnotation] = test.resources
			}
			began := time.Now()
			_, problem := install.Options(annotations, templates.Values{}, bounds())
			g.Expect(time.Since(began)).To(BeNumerically("<", 10*time.Second), "the worst takes less than a millisecond")
			g.Expect(len(problem)).To(BeNumerically("<", 600))
			if test.problem == "" {
				g.Expect(problem).To(BeEmpty())
			} else {
				g.Expect(problem).To(ContainSubstring(test.problem))
			}
		})
	}
}

func TestAClusterMayChooseAnyClassButKubernetesOwn(t *testing.T) {
	t.Parallel()
	const system = "of the classes that begin with system- the manager allows only its --dns-priority-class and those in --allowed-dns-priority-classes"
	for name, test := range map[string]struct {
		annotation, ofManager string
		class, problem        string
	}{
		"the manager's own":                  {annotation: "system-cluster-critical", ofManager: "system-cluster-critical", class: "system-cluster-critical"},
		"a lower one":                        {annotation: "addons.example.com", ofManager: "system-cluster-critical", class: "addons.example.com"},
		"no class":                           {annotation: "None", ofManager: "system-cluster-critical", class: ""},
		"a system class of higher priority":  {annotation: "system-node-critical", ofManager: "system-cluster-critical", problem: `is "system-node-critical"; ` + system},
		"a system class that is not default": {annotation: "system-cluster-critical", ofManager: "low", problem: system},
		"a system class, with none":          {annotation: "system-cluster-critical", ofManager: "", problem: system},
		"a system class that is allowed":     {annotation: "system-allowed", ofManager: "low", class: "system-allowed"},
		"an empty name":                      {annotation: "", problem: `is ""; it must be the name of a PriorityClass, for example system-cluster-critical, or None`},
		"a name with spaces":                 {annotation: " system-node-critical", problem: "must be the name of a PriorityClass"},
		"none in lower case is a name":       {annotation: "none", class: "none"},
		"a name in capitals":                 {annotation: "System-Node-Critical", problem: "must be the name of a PriorityClass"},
		"a name of 254 characters":           {annotation: strings.Repeat("a", 254), problem: "must be the name of a PriorityClass"},
		"a name of 200 kB":                   {annotation: strings.Repeat("a", 200<<10), problem: "must be the name of a PriorityClass"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			annotations := map[string]string{xccv1.DNSPriorityClassAnnotation: test.annotation}
			g.Expect(install.HasOptions(annotations)).To(BeTrue())
			values, problem := install.Options(annotations, templates.Values{PriorityClass: test.ofManager}, bounds())
			g.Expect(len(problem)).To(BeNumerically("<", 600))
			if test.problem != "" {
				g.Expect(problem).To(ContainSubstring(test.problem))
				return
			}
			g.Expect(problem).To(BeEmpty())
			g.Expect(values.PriorityClass).To(Equal(test.class))
		})
	}
}

func TestACorefileIsNamedByNamespaceConfigMapAndKey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		annotation string
		ref        string
	}{
		"a Corefile":              {annotation: "kube-system/nodelocaldns/Corefile", ref: "kube-system/nodelocaldns/Corefile"},
		"with spaces around it":   {annotation: " dns/mine.coredns/my_Corefile.txt\n", ref: "dns/mine.coredns/my_Corefile.txt"},
		"nothing":                 {},
		"no key":                  {annotation: "kube-system/coredns"},
		"a path":                  {annotation: "kube-system/coredns/custom/Corefile"},
		"an empty part":           {annotation: "kube-system//Corefile"},
		"every ConfigMap":         {annotation: "kube-system/*/Corefile"},
		"a key that leads out":    {annotation: "kube-system/coredns/.."},
		"a namespace in capitals": {annotation: "Kube-system/coredns/Corefile"},
		"200 kB":                  {annotation: strings.Repeat("a/", 100<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			annotations := map[string]string{xccv1.DNSCorefileAnnotation: test.annotation}
			g.Expect(install.HasOptions(annotations)).To(BeTrue())
			_, problem := install.Options(annotations, templates.Values{}, bounds())
			g.Expect(len(problem)).To(BeNumerically("<", 600))
			if test.ref == "" {
				g.Expect(install.PinnedCorefile(annotations)).To(BeNil())
				g.Expect(problem).To(ContainSubstring("it must be <namespace>/<configmap>/<key>, for example kube-system/nodelocaldns/Corefile"))
				return
			}
			g.Expect(problem).To(BeEmpty())
			g.Expect(install.PinnedCorefile(annotations).Ref()).To(Equal(test.ref))
		})
	}
}

func TestAllowedClassesAreThoseOfTheSystem(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(install.ParseSystemClasses([]string{" system-node-critical", "", " "})).To(ConsistOf("system-node-critical"))
	for _, name := range []string{"addons", "system-", "system-Node", "None"} {
		_, err := install.ParseSystemClasses([]string{name})
		g.Expect(err).To(MatchError(ContainSubstring("begins with system-")), name)
	}
}

func TestMemoryIsNeverWithoutALimit(t *testing.T) {
	t.Parallel()
	for resources, limit := range map[string]string{
		`{}`:                             "1Gi",
		`{"requests":{"cpu":"200m"}}`:    "1Gi",
		`{"limits":{"cpu":"1"}}`:         "1Gi",
		`{"limits":{"memory":"300Mi"}}`:  "300Mi",
		`{"limits":{"memory":"1024Mi"}}`: "1Gi",
	} {
		g := NewWithT(t)
		values, problem := install.Options(map[string]string{xccv1.DNSResourcesAnnotation: resources}, templates.Values{}, bounds())
		g.Expect(problem).To(BeEmpty())
		g.Expect(values.Resources.Limits.Memory().String()).To(Equal(limit), resources)
	}
}

func TestABoundKeepsTheDefaultOfWhatItDoesNotName(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, text := range []string{"", "null", "{}"} {
		g.Expect(install.ParseBound(text)).To(Equal(install.DefaultResources()), text)
	}
	wanted := install.DefaultResources()
	wanted[corev1.ResourceMemory] = resource.MustParse("2Gi")
	g.Expect(install.ParseBound(`{"memory":"2Gi"}`)).To(Equal(wanted))
	for _, text := range []string{`{"gpu":"1"}`, `{"cpu":"0"}`, `{"cpu":"-1"}`, `{"cpu":"much"}`, `[]`} {
		_, err := install.ParseBound(text)
		g.Expect(err).To(HaveOccurred(), text)
	}
}
