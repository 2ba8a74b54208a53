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
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/licences"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

func TestWriteImagesGivesThemTheReferencesOfTheComponents(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := release.WriteImages(folder, tag, contents(t, "arm64"), "arm64"); err != nil {
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
			licences := []string{
				"licenses/LICENSE", "licenses/std@" + strings.TrimPrefix(runtime.Version(), "go") + "/LICENSE",
				"licenses/sigs.k8s.io/yaml@" + linked(t, "sigs.k8s.io/yaml") + "/LICENSE",
				"licenses/k8s.io/utils@" + linked(t, "k8s.io/utils") + "/third_party/forked/golang/LICENSE",
			}
			all := names(t, img)
			g.Expect(all).To(ContainElements(files))
			g.Expect(all).To(ContainElements(licences))
			g.Expect(all).NotTo(ContainElement(ContainSubstring("gomega")), "it is in go.mod and in no binary")
			others := slices.DeleteFunc(all, func(name string) bool { return slices.Contains(files, name) })
			g.Expect(others).To(HaveEach(HavePrefix("licenses")))
		})
	}
}

func TestWriteLayoutsHoldsEveryArchitecture(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	folder := t.TempDir()

	g.Expect(release.WriteLayouts(folder, tag, contents(t, "amd64", "arm64"), []string{"amd64", "arm64"})).To(Succeed())

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

	err := release.WriteLayouts(t.TempDir(), tag, contents(t, "amd64"), []string{"amd64", "arm64"})

	g.Expect(err).To(MatchError(ContainSubstring("collecting what is in xcc-controller-manager for arm64")))
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

// program builds a program that stands for every binary, once, and returns its bytes.
var program = sync.OnceValues(func() ([]byte, error) {
	folder, err := os.MkdirTemp("", "xcc-release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "program")
	if output, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./testdata/program").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, output)
	}
	return os.ReadFile(path)
})

// goEnv returns what the Go that runs this test says of its environment.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

// contents makes a folder with stand-ins for the binaries of each architecture, and names the licences of this repository.
func contents(t *testing.T, architectures ...string) release.Contents {
	t.Helper()
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, architecture := range architectures {
		if err := os.Mkdir(filepath.Join(folder, architecture), 0o755); err != nil {
			t.Fatal(err)
		}
		for _, binary := range []string{"manager", "dns-server", "dns-config-patcher"} {
			if err := os.WriteFile(filepath.Join(folder, architecture, binary), built, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	return release.Contents{
		Binaries: folder, Licence: filepath.Join(root, "LICENSE"),
		ThirdParty: licences.Sources{ModuleCache: goEnv(t, "GOMODCACHE"), GoRoot: goEnv(t, "GOROOT")},
	}
}

// linked returns the version of a module in the stand-ins.
func linked(t *testing.T, module string) string {
	t.Helper()
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.Read(bytes.NewReader(built))
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range info.Deps {
		if found.Path == module {
			return found.Version
		}
	}
	t.Fatalf("%s is not linked", module)
	return ""
}
