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

package release_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/release"
)

// self returns the binary of this test.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return path
}

// seal writes a whole release into a new folder, with the same binary for each, and returns the folder of the version.
func seal(t *testing.T, executable string) string {
	t.Helper()
	g := NewWithT(t)
	folder := t.TempDir()
	binaries, layouts, output := filepath.Join(folder, "binaries"), filepath.Join(folder, "oci"), filepath.Join(folder, "addon-xcc")
	for _, architecture := range []string{"amd64", "arm64"} {
		g.Expect(os.MkdirAll(filepath.Join(binaries, architecture), 0o755)).To(Succeed())
		for _, binary := range []string{"manager", "dns-server", "dns-config-patcher"} {
			g.Expect(os.Symlink(executable, filepath.Join(binaries, architecture, binary))).To(Succeed())
		}
	}
	metadata, err := os.ReadFile(filepath.Join(root, "metadata.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	built, err := manifests()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(release.WriteComponents(output, tag, built, metadata)).To(Succeed())
	g.Expect(release.WriteLayouts(layouts, tag, binaries, []string{"amd64", "arm64"})).To(Succeed())
	g.Expect(release.Seal(output, tag, layouts, binaries, []string{"amd64", "arm64"})).To(Succeed())
	return filepath.Join(output, tag)
}

func TestAReleaseCanBeVerified(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	folder := seal(t, self(t))

	byDigest, err := os.ReadFile(filepath.Join(folder, "addon-components-digests.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(byDigest)).NotTo(ContainSubstring(":" + tag))
	for _, image := range []string{"xcc-controller-manager", "xcc-dns"} {
		g.Expect(string(byDigest)).To(MatchRegexp("ghcr.io/cross-cluster-connectivity/" + image + "@sha256:[0-9a-f]{64}"))
	}
	g.Expect(os.ReadFile(filepath.Join(folder, "addon-components.yaml"))).To(Equal(components(t)), "tags are the default")

	check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = folder
	output, err := check.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	for _, file := range []string{"addon-components.yaml", "addon-components-digests.yaml", "metadata.yaml", "sbom.spdx.json"} {
		g.Expect(string(output)).To(ContainSubstring(file + ": OK"))
	}
}

func TestTheInventoryNamesWhatIsLinked(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	// A test does not say what is linked into it.
	executable := filepath.Join(t.TempDir(), "xcc-release")
	output, err := exec.CommandContext(t.Context(), "go", "build", "-o", executable, "./xcc-release").CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	content, err := os.ReadFile(filepath.Join(seal(t, executable), "sbom.spdx.json"))
	g.Expect(err).NotTo(HaveOccurred())
	var document struct {
		SPDXVersion   string
		Packages      []struct{ SPDXID, Name, VersionInfo string }
		Relationships []struct{ SpdxElementID, RelationshipType, RelatedSpdxElement string }
	}
	g.Expect(json.Unmarshal(content, &document)).To(Succeed())
	g.Expect(document.SPDXVersion).To(Equal("SPDX-2.3"))
	versions, names := map[string]string{}, map[string]bool{"SPDXRef-DOCUMENT": true}
	for _, found := range document.Packages {
		g.Expect(names).NotTo(HaveKey(found.SPDXID), "identifiers are unique")
		names[found.SPDXID] = true
		versions[found.Name] = found.VersionInfo
	}
	g.Expect(versions).To(And(HaveKey("std"), HaveKey("manager-amd64"), HaveKey("dns-config-patcher-arm64")))
	g.Expect(versions["github.com/google/go-containerregistry"]).To(HavePrefix("v0."))
	for _, relationship := range document.Relationships {
		g.Expect(names).To(And(HaveKey(relationship.SpdxElementID), HaveKey(relationship.RelatedSpdxElement)))
	}
}

func TestTheSameBinariesAreReleasedBitByBit(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var sums []string
	for range 2 {
		content, err := os.ReadFile(filepath.Join(seal(t, self(t)), "SHA256SUMS"))
		g.Expect(err).NotTo(HaveOccurred())
		sums = append(sums, string(content))
	}
	g.Expect(sums[0]).To(Equal(sums[1]))
	g.Expect(strings.Count(sums[0], "\n")).To(Equal(4))
}
