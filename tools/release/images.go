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

package release

import (
	"debug/buildinfo"
	"fmt"
	"path"
	"path/filepath"
	"runtime/debug"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/image"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/licences"
)

const repository = "ghcr.io/cross-cluster-connectivity/"

// definition is a released image.
type definition struct {
	name string
	// binaries are in the root folder of the image. The first is what a container runs unless its Pod names another one.
	binaries []string
}

// images are the images in the components and in the workload manifests. None holds CA certificates: the manager trusts those in
// the kubeconfig of a Cluster, and the other programs those of their ServiceAccount.
var images = []definition{
	{name: "xcc-controller-manager", binaries: []string{"manager"}},
	{name: "xcc-dns", binaries: []string{"dns-server", "dns-config-patcher"}},
}

func (d definition) reference(tag string) string {
	return repository + d.name + ":" + tag
}

// Contents locates the files in the images.
type Contents struct {
	// Binaries is the folder with a folder of binaries for each architecture.
	Binaries string
	// Licence is the file with the licence of this project.
	Licence string
	// ThirdParty is where the licences of what is linked into the binaries are read from.
	ThirdParty licences.Sources
}

// build returns the image for one architecture, with its binaries and the licences of all code in them.
func (d definition) build(contents Contents, architecture string) (v1.Image, error) {
	files, err := d.files(contents, architecture)
	if err != nil {
		return nil, fmt.Errorf("collecting what is in %s for %s: %w", d.name, architecture, err)
	}
	img, err := image.Build(image.Config{Architecture: architecture, Entrypoint: []string{"/" + d.binaries[0]}}, files...)
	if err != nil {
		return nil, fmt.Errorf("building %s for %s: %w", d.name, architecture, err)
	}
	return img, nil
}

func (d definition) files(contents Contents, architecture string) ([]image.File, error) {
	files := []image.File{{Name: path.Join(licences.Folder, "LICENSE"), Source: contents.Licence}}
	var programs []*debug.BuildInfo
	for _, binary := range d.binaries {
		source := filepath.Join(contents.Binaries, architecture, binary)
		info, err := buildinfo.ReadFile(source)
		if err != nil {
			return nil, fmt.Errorf("reading what is linked into %s: %w", binary, err)
		}
		files = append(files, image.File{Name: "/" + binary, Source: source})
		programs = append(programs, info)
	}
	texts, err := licences.Of(contents.ThirdParty, programs...)
	return append(files, texts...), err
}

// WriteImages writes each image for one architecture as the loadable tarball "<folder>/<name>.tar".
func WriteImages(folder, tag string, contents Contents, architecture string) error {
	for _, image := range images {
		if err := image.writeTarball(folder, tag, contents, architecture); err != nil {
			return err
		}
	}
	return nil
}

func (d definition) writeTarball(folder, tag string, contents Contents, architecture string) error {
	img, err := d.build(contents, architecture)
	if err != nil {
		return err
	}
	return image.WriteTarball(filepath.Join(folder, d.name+".tar"), d.reference(tag), img)
}

// WriteLayouts writes each image, for all architectures under one tag, as the OCI image layout "<folder>/<name>".
func WriteLayouts(folder, tag string, contents Contents, architectures []string) error {
	for _, image := range images {
		if err := image.writeLayout(folder, tag, contents, architectures); err != nil {
			return err
		}
	}
	return nil
}

func (d definition) writeLayout(folder, tag string, contents Contents, architectures []string) error {
	var all []v1.Image
	for _, architecture := range architectures {
		img, err := d.build(contents, architecture)
		if err != nil {
			return err
		}
		all = append(all, img)
	}
	return image.WriteLayout(filepath.Join(folder, d.name), d.reference(tag), all...)
}
