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
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/release"
)

func TestWriteImagesGivesThemTheReferencesOfTheComponents(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := release.WriteImages(folder, tag, binaries(t, "arm64"), "arm64"); err != nil {
		t.Fatal(err)
	}
	for image, files := range map[string][]string{
		"xcc-controller-manager": {"manager"},
		"xcc-dns":                {"dns-config-patcher", "dns-server"},
	} {
		t.Run(image, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			reference := "ghcr.io/cross-cluster-connectivity/" + image + ":v0.1.0"
			g.Expect(string(components(t))).To(ContainSubstring(reference))
			tag, err := name.NewTag(reference)
			g.Expect(err).NotTo(HaveOccurred())

			img, err := tarball.ImageFromPath(filepath.Join(folder, image+".tar"), &tag)

			g.Expect(err).NotTo(HaveOccurred())
			config, err := img.ConfigFile()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(config.Config.Entrypoint).To(Equal([]string{"/" + files[len(files)-1]}))
			g.Expect(config.Config.User).To(Equal("65532:65532"))
			g.Expect(config.Architecture).To(Equal("arm64"))
			g.Expect(names(t, img)).To(Equal(files))
		})
	}
}

func TestWriteLayoutsHoldsEveryArchitecture(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	folder := t.TempDir()

	g.Expect(release.WriteLayouts(folder, tag, binaries(t, "amd64", "arm64"), []string{"amd64", "arm64"})).To(Succeed())

	for _, image := range []string{"xcc-controller-manager", "xcc-dns"} {
		index, err := layout.ImageIndexFromPath(filepath.Join(folder, image))
		g.Expect(err).NotTo(HaveOccurred())
		manifest, err := index.IndexManifest()
		g.Expect(err).NotTo(HaveOccurred())
		tagged, err := index.ImageIndex(manifest.Manifests[0].Digest)
		g.Expect(err).NotTo(HaveOccurred())
		manifest, err = tagged.IndexManifest()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(manifest.Manifests).To(HaveLen(2))
	}
}

func TestImagesNeedTheirBinaries(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)

	err := release.WriteLayouts(t.TempDir(), tag, binaries(t, "amd64"), []string{"amd64", "arm64"})

	g.Expect(err).To(MatchError(ContainSubstring("building xcc-controller-manager for arm64")))
}

// names are those of the files in the image.
func names(t *testing.T, img v1.Image) []string {
	t.Helper()
	content := mutate.Extract(img)
	defer content.Close()
	var names []string
	reader := tar.NewReader(content)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
}

// binaries makes a folder with stand-ins for the binaries of each architecture.
func binaries(t *testing.T, architectures ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, architecture := range architectures {
		if err := os.Mkdir(filepath.Join(folder, architecture), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, binary := range []string{"manager", "dns-server", "dns-config-patcher"} {
			if err := os.WriteFile(filepath.Join(folder, architecture, binary), []byte(binary+architecture), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return folder
}
