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

package image_test

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/image"
)

const reference = "ghcr.io/cross-cluster-connectivity/xcc-dns:v0.1.0"

func TestBuildHoldsTheFilesAndTheirFolders(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	folder := t.TempDir()

	img, err := image.Build(image.Config{},
		image.File{Name: "/usr/bin/server", Source: source(t, folder, "server", 0o700)},
		image.File{Name: "/etc/settings", Source: source(t, folder, "settings", 0o600)},
	)

	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(contents(t, img)).To(Equal([]entry{
		{name: "etc/", mode: 0o755},
		{name: "etc/settings", mode: 0o644, content: "settings"},
		{name: "usr/", mode: 0o755},
		{name: "usr/bin/", mode: 0o755},
		{name: "usr/bin/server", mode: 0o755, content: "server"},
	}))
}

func TestBuildRunsAsNobodyInParticularUnlessTold(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config       image.Config
		user         string
		architecture string
	}{
		"a user is given":  {config: image.Config{User: "0", Architecture: "arm64"}, user: "0", architecture: "arm64"},
		"no user is given": {config: image.Config{Architecture: "amd64"}, user: "65532:65532", architecture: "amd64"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			test.config.Entrypoint = []string{"/server", "--flag"}
			img, err := image.Build(test.config, image.File{Name: "/server", Source: source(t, t.TempDir(), "server", 0o755)})
			g.Expect(err).NotTo(HaveOccurred())

			configFile, err := img.ConfigFile()

			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(configFile.Config.User).To(Equal(test.user))
			g.Expect(configFile.Config.Entrypoint).To(Equal([]string{"/server", "--flag"}))
			g.Expect(configFile.OS).To(Equal("linux"))
			g.Expect(configFile.Architecture).To(Equal(test.architecture))
		})
	}
}

func TestTheSameFilesGiveTheSameImage(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	digest := func(age time.Duration, order ...string) v1.Hash {
		folder := t.TempDir()
		var files []image.File
		for _, name := range order {
			file := source(t, folder, name, 0o755)
			then := time.Now().Add(-age)
			g.Expect(os.Chtimes(file, then, then)).To(Succeed())
			files = append(files, image.File{Name: "/" + name, Source: file})
		}
		img, err := image.Build(image.Config{}, files...)
		g.Expect(err).NotTo(HaveOccurred())
		digest, err := img.Digest()
		g.Expect(err).NotTo(HaveOccurred())
		return digest
	}

	g.Expect(digest(time.Hour, "a", "b")).To(Equal(digest(0, "b", "a")))
}

func TestBuildRefusesWhatIsNoImage(t *testing.T) {
	t.Parallel()
	file := source(t, t.TempDir(), "server", 0o755)
	for name, test := range map[string]struct {
		files   []image.File
		message string
	}{
		"a name that is relative":    {[]image.File{{Name: "server", Source: file}}, `absolute, clean path, not "server"`},
		"a name that leaves":         {[]image.File{{Name: "/../server", Source: file}}, `absolute, clean path, not "/../server"`},
		"a name that is there twice": {[]image.File{{Name: "/server", Source: file}, {Name: "/server", Source: file}}, "has /server twice"},
		"a source that is missing":   {[]image.File{{Name: "/server", Source: file + "-missing"}}, "reading what becomes /server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)

			_, err := image.Build(image.Config{}, test.files...)

			g.Expect(err).To(MatchError(ContainSubstring(test.message)))
		})
	}
}

func TestWriteTarballGivesTheReference(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	img := server(t, "amd64")
	path := filepath.Join(t.TempDir(), "images", "xcc-dns.tar")

	g.Expect(image.WriteTarball(path, reference, img)).To(Succeed())

	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(manifest).To(HaveLen(1))
	g.Expect(manifest[0].RepoTags).To(Equal([]string{reference}))
	read, err := tarball.ImageFromPath(path, nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(contents(t, read)).To(Equal(contents(t, img)))
}

func TestWriteTarballRefusesAReferenceWithoutTag(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)

	err := image.WriteTarball(filepath.Join(t.TempDir(), "a.tar"), "ghcr.io/cross-cluster-connectivity/xcc-dns", server(t, "amd64"))

	g.Expect(err).To(MatchError(ContainSubstring("reading the image reference")))
}

func TestWriteLayoutHoldsAllArchitecturesUnderOneTag(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	folder := filepath.Join(t.TempDir(), "xcc-dns")
	g.Expect(image.WriteLayout(folder, reference, server(t, "arm64"))).To(Succeed())

	g.Expect(image.WriteLayout(folder, reference, server(t, "amd64"), server(t, "arm64"))).To(Succeed())

	root, err := layout.ImageIndexFromPath(folder)
	g.Expect(err).NotTo(HaveOccurred())
	top, err := root.IndexManifest()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(top.Manifests).To(HaveLen(1))
	blobs, err := filepath.Glob(filepath.Join(folder, "blobs", "*", "*"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(blobs).To(HaveLen(7), "one index and, of each image, its manifest, configuration and layer: nothing of the layout before")
	g.Expect(top.Manifests[0].Annotations).To(HaveKeyWithValue("org.opencontainers.image.ref.name", reference))
	index, err := root.ImageIndex(top.Manifests[0].Digest)
	g.Expect(err).NotTo(HaveOccurred())
	manifest, err := index.IndexManifest()
	g.Expect(err).NotTo(HaveOccurred())
	var platforms []string
	for _, descriptor := range manifest.Manifests {
		platforms = append(platforms, descriptor.Platform.String())
	}
	g.Expect(platforms).To(Equal([]string{"linux/amd64", "linux/arm64"}))
}

type entry struct {
	name    string
	mode    int64
	content string
}

// contents lists what is in the image, in the order of its layer.
func contents(t *testing.T, img v1.Image) []entry {
	t.Helper()
	g := NewWithT(t)
	layers, err := img.Layers()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(layers).To(HaveLen(1))
	stream, err := layers[0].Uncompressed()
	g.Expect(err).NotTo(HaveOccurred())
	defer stream.Close()
	var entries []entry
	reader := tar.NewReader(stream)
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		g.Expect(err).NotTo(HaveOccurred())
		content, err := io.ReadAll(reader)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect([]int{header.Uid, header.Gid}).To(Equal([]int{0, 0}))
		entries = append(entries, entry{name: header.Name, mode: header.Mode, content: string(content)})
	}
}

// source makes a file whose content is its name.
func source(t *testing.T, folder, name string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(name), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// server is an image for the architecture.
func server(t *testing.T, architecture string) v1.Image {
	t.Helper()
	img, err := image.Build(image.Config{Architecture: architecture},
		image.File{Name: "/server", Source: source(t, t.TempDir(), "server-"+architecture, 0o755)})
	if err != nil {
		t.Fatal(err)
	}
	return img
}
