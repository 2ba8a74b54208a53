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

package support_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/support"
)

func TestWarningsDependOnTheMinorVersion(t *testing.T) {
	t.Parallel()
	for reported, test := range map[string]struct{ workload, management string }{
		"v1.27.16":                      {workload: "Kubernetes v1.27.16 of this cluster is older than v1.28", management: "is older than v1.30"},
		"v1.27.99-eks-4096722":          {workload: "Kubernetes v1.27.99-eks-4096722 of this cluster is older", management: "is older than v1.30"},
		"v1.9.0":                        {workload: "is older than v1.28", management: "is older than v1.30"},
		"1.27":                          {workload: "is older than v1.28", management: "is older than v1.30"},
		"v0.0.0-master+$Format:%H$":     {workload: "is older than v1.28", management: "is older than v1.30"},
		"v1.28.0-alpha.1":               {management: "is older than v1.30"},
		"v1.28.15":                      {management: "is older than v1.30"},
		"v1.29.14+rke2r1":               {management: "is older than v1.30"},
		"v1.30.0":                       {},
		"v1.33.5-gke.1201000":           {},
		"v1.37.2":                       {},
		"v1.38.0":                       {management: "Kubernetes v1.38.0 of the management cluster is newer than v1.37"},
		"v2.0.0":                        {management: "is newer than v1.37"},
		"":                              {},
		"latest":                        {},
		"v1":                            {},
		"v1.x":                          {},
		"v1.99999999999999999999":       {},
		strings.Repeat("1.", 4<<20):     {},
		"v1." + strings.Repeat("0", 65): {},
	} {
		t.Run(reported[:min(len(reported), 30)], func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			start := time.Now()
			for warning, want := range map[string]string{support.OfWorkload(reported): test.workload, support.OfManagement(reported): test.management} {
				if want == "" {
					g.Expect(warning).To(BeEmpty())
				} else {
					g.Expect(warning).To(ContainSubstring(want))
				}
				g.Expect(len(warning)).To(BeNumerically("<", 200))
			}
			g.Expect(time.Since(start)).To(BeNumerically("<", 10*time.Second), "comparing takes microseconds")
		})
	}
}

func TestAWarningQuotesTheVersionWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(support.OfWorkload("v1.20.0-\x1b[31mred")).To(And(ContainSubstring("v1.20.0-"), Not(ContainSubstring("\x1b"))))
}
