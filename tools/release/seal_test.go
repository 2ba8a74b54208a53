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
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

// seal writes a whole release into a new folder, and returns the folder of the version and the one of the layouts.
func seal(t *testing.T) (version, layouts string) {
	t.Helper()
	g := NewWithT(t)
	folder, contents, architectures := t.TempDir(), contents(t, "amd64", "arm64"), []string{"amd64", "arm64"}
	layouts, output := filepath.Join(folder, "oci"), filepath.Join(folder, "addon-xcc")
	metadata, err := os.ReadFile(filepath.Join(root, "metadata.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	built, err := manifests()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(release.WriteComponents(output, tag, built, metadata)).To(Succeed())
	namespaced, err := kustomize.Build(t.Context(), "config/namespaced")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(release.WriteNamespaced(output, tag, namespaced)).To(Succeed())
	g.Expect(release.WriteLayouts(layouts, tag, contents, architectures)).To(Succeed())
	g.Expect(release.Seal(output, tag, layouts, contents.Binaries, architectures)).To(Succeed())
	return filepath.Join(output, tag), layouts
}

func TestAReleaseCanBeVerified(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	folder, layouts := seal(t)

	for _, kind := range []string{"addon", "namespaced"} {
		byTag, err := os.ReadFile(filepath.Join(folder, kind+"-components.yaml"))
		g.Expect(err).NotTo(HaveOccurred())
		byDigest, err := os.ReadFile(filepath.Join(folder, kind+"-components-digests.yaml"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(byDigest)).NotTo(ContainSubstring(":"+tag), kind)
		restored := byDigest
		for _, image := range []string{"xcc-controller-manager", "xcc-dns"} {
			index, err := layout.ImageIndexFromPath(filepath.Join(layouts, image))
			g.Expect(err).NotTo(HaveOccurred())
			name := "ghcr.io/cross-cluster-connectivity/" + image
			named := regexp.MustCompile(name + "@(sha256:[0-9a-f]{64})").FindSubmatch(byDigest)
			g.Expect(named).NotTo(BeNil(), kind+" "+image)
			digest, err := v1.NewHash(string(named[1]))
			g.Expect(err).NotTo(HaveOccurred())
			both, err := index.ImageIndex(digest)
			g.Expect(err).NotTo(HaveOccurred(), "the digest is one of the layout")
			manifest, err := both.IndexManifest()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(manifest.Manifests).To(HaveLen(2), "the digest stands for every architecture")
			restored = bytes.ReplaceAll(restored, named[0], []byte(name+":"+tag))
		}
		g.Expect(string(restored)).To(Equal(string(byTag)), "nothing else differs")
	}
	g.Expect(os.ReadFile(filepath.Join(folder, "addon-components.yaml"))).To(Equal(components(t)), "tags are the default")

	check := exec.CommandContext(t.Context(), "sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = folder
	output, err := check.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	for _, file := range []string{
		"addon-components.yaml", "addon-components-digests.yaml", "namespaced-components.yaml", "namespaced-components-digests.yaml",
		"metadata.yaml", "sbom.spdx.json",
	} {
		g.Expect(string(output)).To(ContainSubstring(file + ": OK"))
	}
}

func TestTheInventoryNamesWhatIsLinked(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	folder, _ := seal(t)
	content, err := os.ReadFile(filepath.Join(folder, "sbom.spdx.json"))
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
	g.Expect(versions["sigs.k8s.io/yaml"]).To(Equal(linked(t, "sigs.k8s.io/yaml")))
	for _, relationship := range document.Relationships {
		g.Expect(names).To(And(HaveKey(relationship.SpdxElementID), HaveKey(relationship.RelatedSpdxElement)))
	}
}

func TestTheSameBinariesAreReleasedBitByBit(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var sums []string
	for range 2 {
		folder, _ := seal(t)
		content, err := os.ReadFile(filepath.Join(folder, "SHA256SUMS"))
		g.Expect(err).NotTo(HaveOccurred())
		sums = append(sums, string(content))
	}
	g.Expect(sums[0]).To(Equal(sums[1]))
	g.Expect(strings.Count(sums[0], "\n")).To(Equal(6))
}
