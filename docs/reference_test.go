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

package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/consumers"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/health"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/reachability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/metrics"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/support"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/controller"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/probe"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/reports"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rights"
)

func TestReferenceHasTheVariablesOfTheComponentsAndTheirDefaults(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	documented := map[string]string{}
	for _, row := range rows(section(g, read(g, "docs/reference.md"), "## Variables of clusterctl")) {
		documented[strings.Trim(row[0], "`")] = strings.Trim(row[1], "`")
	}
	g.Expect(documented).To(Equal(variables(g)))
}

func TestPagesNameNoOtherVariables(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	known := variables(g)
	known["XCC_CACHE"] = "the folder of what the tests run against"
	known["XCC_NAMESPACE"] = "of config/namespaced, without a default"
	for path, text := range pages(g) {
		for _, name := range regexp.MustCompile(`XCC_[A-Z_]+`).FindAllString(text, -1) {
			g.Expect(known).To(HaveKey(name), path)
		}
	}
}

// variables returns the default of each variable of the manager as the pages write it.
func variables(g Gomega) map[string]string {
	variable := regexp.MustCompile(`\$\{(\w+):=([^}]*)\}`)
	found := map[string]string{}
	g.Expect(filepath.WalkDir(filepath.Join(root, "config", "manager"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range variable.FindAllStringSubmatch(string(text), -1) {
			found[match[1]] = strings.Replace(match[2], "xcc-dns:dev", "xcc-dns:VERSION", 1)
		}
		return err
	})).To(Succeed())
	delete(found, "NAME") // An example in a comment.
	for name, value := range found {
		if value == " " {
			found[name] = "none"
		}
	}
	return found
}

func TestReferenceHasTheMetrics(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	registry := prometheus.NewRegistry()
	_, err := controller.New(&rest.Config{Host: "api.example.com"}, controller.Options{}, registry)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = probe.New(&rest.Config{Host: "api.example.com"}, probe.Options{}, nil, registry)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = reports.New(&rest.Config{Host: "api.example.com"}, reports.Options{}, registry)
	g.Expect(err).NotTo(HaveOccurred())

	registry.MustRegister(health.NewCollector(), reachability.NewMetrics(nil))
	gateways, err := consumers.NewMetrics(registry, nil)
	g.Expect(err).NotTo(HaveOccurred())
	registry.MustRegister(gateways.Gateways())
	server := metrics.New()
	server.CollectVerdicts(func() []reach.Verdict { return []reach.Verdict{{Status: reach.Down}} })
	all := append(names(registry), names(server.Registry())...)

	g.Expect(firstCells(section(g, read(g, "docs/reference.md"), "## Metrics"))).To(ConsistOf(all))
}

// names returns the names of the registered metrics that are ours.
func names(registry *prometheus.Registry) []string {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	var found []string
	for description := range descriptions {
		var name string
		if _, err := fmt.Sscanf(description.String(), "Desc{fqName: %q", &name); err == nil && strings.HasPrefix(name, "xcc_") {
			found = append(found, name)
		}
	}
	return found
}

func TestReferenceHasTheStatesAndReasons(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	reference := read(g, "docs/reference.md")

	var corefileStates []string
	for _, state := range report.States() {
		corefileStates = append(corefileStates, string(state))
	}
	g.Expect(firstCells(section(g, reference, "## State of the Corefile"))).To(ConsistOf(corefileStates))
	for _, reason := range constants(g, `Lag\w+ LagReason`) {
		g.Expect(section(g, reference, "## Status of a GatewayDNS")).To(ContainSubstring("`" + reason + "`"))
	}
	for _, reason := range records.Reasons {
		g.Expect(section(g, reference, "## Metrics")).To(ContainSubstring("`" + string(reason) + "`"))
	}

	status := section(g, reference, "## Status of a GatewayDNS")
	states := constants(g, `Gateway\w+ GatewayState`)
	g.Expect(states).To(ContainElement("Resolved"))
	g.Expect(firstCells(status)).To(ContainElements(states))
	g.Expect(firstCells(section(g, read(g, "README.md"), "## Status"))).To(ConsistOf(states))
	for _, word := range append(constants(g, `\w+Condition`), constants(g, `\w+Reason`)...) {
		g.Expect(status).To(ContainSubstring("`" + word + "`"))
	}
}

// constants returns the values of the API's string constants whose declaration begins like this.
func constants(g Gomega, declaration string) []string {
	var values []string
	pattern := regexp.MustCompile(`(?m)^\s+` + declaration + `\s+= "(\w+)"`)
	for _, match := range pattern.FindAllStringSubmatch(read(g, "api/v1alpha1/gatewaydns_types.go"), -1) {
		values = append(values, match[1])
	}
	g.Expect(values).NotTo(BeEmpty())
	return values
}

func TestReferenceHasTheSupportedVersions(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var wanted [][]string
	for _, row := range []struct {
		what   string
		window support.Window
	}{
		{"Cluster API", support.ClusterAPI},
		{"Kubernetes of the management cluster", support.Management},
		{"Kubernetes of workload clusters", support.Workload},
	} {
		wanted = append(wanted, []string{row.what, row.window.Oldest, row.window.Newest})
	}
	g.Expect(rows(section(g, read(g, "docs/reference.md"), "## Supported versions"))).To(Equal(wanted))
	g.Expect(read(g, "README.md")).To(ContainSubstring("Cluster API %s to %s", support.ClusterAPI.Oldest, support.ClusterAPI.Newest))
}

func TestReferenceHasTheRightsOfThePrograms(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	components, err := kustomize.Build(t.Context(), "config/default")
	g.Expect(err).NotTo(HaveOccurred())
	objects, err := utilyaml.ToUnstructured(components)
	g.Expect(err).NotTo(HaveOccurred())
	payload, err := templates.Objects(templates.Values{Zone: "xcc.test", Image: "xcc-dns", Replicas: 2, TTL: 5, PriorityClass: templates.DefaultPriorityClass})
	g.Expect(err).NotTo(HaveOccurred())
	var wanted [][]string
	for _, objects := range [][]unstructured.Unstructured{objects, payload} {
		all, err := rights.Of(objects)
		g.Expect(err).NotTo(HaveOccurred())
		for _, right := range all {
			where := "everywhere"
			if right.Namespace != "" {
				where = "`" + right.Namespace + "`"
			}
			_, program, _ := strings.Cut(right.Account, "/")
			wanted = append(wanted, []string{
				"`" + strings.TrimPrefix(program, "xcc-") + "`", where, "`" + right.Objects() + "`", "`" + strings.Join(right.Rule.Verbs, ", ") + "`",
			})
		}
	}
	var documented [][]string
	for _, row := range rows(section(g, read(g, "docs/reference.md"), "## Rights")) {
		g.Expect(row).To(HaveLen(5))
		g.Expect(row[4]).NotTo(BeEmpty(), "why")
		documented = append(documented, row[:4])
	}
	g.Expect(documented).To(ConsistOf(wanted))
}
