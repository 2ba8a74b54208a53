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
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/health"
)

func TestOperationsHasTheReasonsAndTheirStatus(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	documented := map[string]string{}
	for _, row := range rows(section(g, read(g, "docs/operations.md"), "## Reasons and actions")) {
		g.Expect(row).To(HaveLen(4), row[0])
		g.Expect(row[2]).NotTo(BeEmpty(), "what %s means", row[0])
		documented[strings.Trim(row[0], "`")] = row[1]
		if row[1] != "True" {
			g.Expect(row[3]).NotTo(BeEmpty(), "what to do about %s", row[0])
		}
	}
	wanted := map[string]string{}
	for _, reason := range health.Reasons() {
		wanted[reason] = string(health.Status(reason))
	}
	g.Expect(documented).To(Equal(wanted))
}
