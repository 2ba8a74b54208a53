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

package corefile_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/coredns/corefile-migration/migration"
	. "github.com/onsi/gomega"
)

// firstWithEndpointSlices is the CoreDNS of Kubernetes 1.21, the first release with
// discovery.k8s.io/v1. All options of our block are older.
const firstWithEndpointSlices = "1.8.0"

// upgrades returns the CoreDNS versions that the migration library knows, the oldest first.
func upgrades() []string {
	versions := slices.Collect(maps.Keys(migration.Versions))
	slices.SortFunc(versions, func(a, b string) int {
		if a == b {
			return 0
		}
		if migration.ValidUpMigration(a, b) == nil {
			return -1
		}
		return 1
	})
	return versions
}

func TestOurBlockSurvivesEveryMigrationOfCoreDNS(t *testing.T) {
	t.Parallel()
	versions := upgrades()
	supported := slices.Index(versions, firstWithEndpointSlices)
	original := readCorefiles(t)["testdata/kubeadm"]
	ensured, err := ensure(original, settings())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for i, from := range versions {
		for _, to := range versions[i+1:] {
			t.Run(from+" to "+to, func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				migrated, err := migration.Migrate(from, to, ensured, true)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(strings.Count(migrated, "#")).To(BeZero(), "the migration library drops comments")
				repaired, err := ensure(migrated, settings())
				g.Expect(err).NotTo(HaveOccurred(), "the block is recognised")
				if i >= supported {
					g.Expect(repaired).To(Equal(migrated), "there is nothing to repair")
				}

				withoutUs, err := migration.Migrate(from, to, original, true)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(remove(migrated, settings())).To(Equal(withoutUs))

				notices, err := migration.Unsupported(from, to, ensured)
				g.Expect(err).NotTo(HaveOccurred())
				others, err := migration.Unsupported(from, to, original)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(kinds(notices)).To(Equal(kinds(others)), "our block has no other options than kubeadm's Corefile")
				if i >= supported {
					g.Expect(notices).To(HaveLen(len(others)), "our block adds no notice to kubeadm's preflight check")
				}
			})
			t.Run(to+" down to "+from, func(t *testing.T) {
				t.Parallel()
				g := NewWithT(t)
				migrated, err := migration.MigrateDown(to, from, ensured)
				g.Expect(err).NotTo(HaveOccurred())
				withoutUs, err := migration.MigrateDown(to, from, original)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(remove(migrated, settings())).To(Equal(withoutUs))
			})
		}
	}
}

// kinds returns the distinct subjects of the notices.
func kinds(notices []migration.Notice) map[migration.Notice]bool {
	found := map[migration.Notice]bool{}
	for _, notice := range notices {
		found[notice] = true
	}
	return found
}

func TestTheBlockOfThe2022ProjectIsTakenOverAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	versions := upgrades()
	migrated, err := migration.Migrate("1.6.5", versions[len(versions)-1], readCorefiles(t)["testdata/old-project"], true)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(migrated).To(ContainSubstring("\nxcc.test {\n    forward . 10.96.0.53 {\n"), "the migration added an option")
	ensured, err := ensure(migrated, settings())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ensured).NotTo(ContainSubstring("\nxcc.test {"))
	g.Expect(ensured).To(ContainSubstring("\nxcc.test:53 {"))
}
