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

package image

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// refNameAnnotation is the annotation of an OCI layout for the reference of an image (OCI image-spec, annotations.md).
const refNameAnnotation = "org.opencontainers.image.ref.name"

// WriteTarball writes the image to a file for "ctr images import", "docker load" and "kind load image-archive", under a
// reference such as "ghcr.io/owner/name:v0.1.0". It creates missing folders.
func WriteTarball(path, reference string, img v1.Image) error {
	tag, err := name.NewTag(reference, name.StrictValidation)
	if err != nil {
		return fmt.Errorf("reading the image reference: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the folder for the image: %w", err)
	}
	if err := tarball.WriteToFile(path, tag, img); err != nil {
		return fmt.Errorf("writing the image to %s: %w", path, err)
	}
	return nil
}

// WriteLayout replaces the folder by an OCI image layout that holds the images, one per architecture, as one index under
// the reference. Tools that copy from an OCI layout to a registry can publish it as it stands.
func WriteLayout(folder, reference string, images ...v1.Image) error {
	if _, err := name.NewTag(reference, name.StrictValidation); err != nil {
		return fmt.Errorf("reading the image reference: %w", err)
	}
	index, err := newIndex(images)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("removing the layout that was there: %w", err)
	}
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return fmt.Errorf("starting the layout in %s: %w", folder, err)
	}
	if err := path.AppendIndex(index, layout.WithAnnotations(map[string]string{refNameAnnotation: reference})); err != nil {
		return fmt.Errorf("writing the images to %s: %w", folder, err)
	}
	return nil
}

// newIndex returns an index of the images, each with the platform in its configuration.
func newIndex(images []v1.Image) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, img := range images {
		configFile, err := img.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("reading an image's configuration: %w", err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        img,
			Descriptor: v1.Descriptor{Platform: configFile.Platform()},
		})
	}
	return index, nil
}
