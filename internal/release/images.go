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
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/image"
)

const repository = "ghcr.io/cross-cluster-connectivity/"

// definition is an image that we release.
type definition struct {
	name string
	// binaries are in the root folder of the image. The first is what a container runs unless its Pod names another one.
	binaries []string
}

// images are those that the components and the workload manifests name. None holds CA certificates: the manager trusts
// what a Cluster's kubeconfig names, and the workload binaries what their ServiceAccount brings.
var images = []definition{
	{name: "xcc-controller-manager", binaries: []string{"manager"}},
	{name: "xcc-dns", binaries: []string{"dns-server", "dns-config-patcher"}},
}

func (d definition) reference(tag string) string {
	return repository + d.name + ":" + tag
}

// build makes the image for one architecture of the binaries in "<folder>/<architecture>/".
func (d definition) build(folder, architecture string) (v1.Image, error) {
	var files []image.File
	for _, binary := range d.binaries {
		files = append(files, image.File{Name: "/" + binary, Source: filepath.Join(folder, architecture, binary)})
	}
	img, err := image.Build(image.Config{Architecture: architecture, Entrypoint: []string{"/" + d.binaries[0]}}, files...)
	if err != nil {
		return nil, fmt.Errorf("building %s for %s: %w", d.name, architecture, err)
	}
	return img, nil
}

// WriteImages writes each image for one architecture as the loadable tarball "<folder>/<name>.tar". The binaries are read
// from "<binaries>/<architecture>/".
func WriteImages(folder, tag, binaries, architecture string) error {
	for _, image := range images {
		if err := image.writeTarball(folder, tag, binaries, architecture); err != nil {
			return err
		}
	}
	return nil
}

func (d definition) writeTarball(folder, tag, binaries, architecture string) error {
	img, err := d.build(binaries, architecture)
	if err != nil {
		return err
	}
	return image.WriteTarball(filepath.Join(folder, d.name+".tar"), d.reference(tag), img)
}

// WriteLayouts writes each image, for all architectures under one tag, as the OCI image layout "<folder>/<name>". The
// binaries are read from "<binaries>/<architecture>/".
func WriteLayouts(folder, tag, binaries string, architectures []string) error {
	for _, image := range images {
		if err := image.writeLayout(folder, tag, binaries, architectures); err != nil {
			return err
		}
	}
	return nil
}

func (d definition) writeLayout(folder, tag, binaries string, architectures []string) error {
	var all []v1.Image
	for _, architecture := range architectures {
		img, err := d.build(binaries, architecture)
		if err != nil {
			return err
		}
		all = append(all, img)
	}
	return image.WriteLayout(filepath.Join(folder, d.name), d.reference(tag), all...)
}
