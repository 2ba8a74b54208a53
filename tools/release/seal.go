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
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/v1/layout"
)

const (
	digestsFile           = "addon-components-digests.yaml"
	namespacedDigestsFile = "namespaced-components-digests.yaml"
	sbomFile              = "sbom.spdx.json"
	checksumsFile         = "SHA256SUMS"
)

// Seal adds the files to "<folder>/<version>/" that let users verify a release: both kinds of components with images by digest,
// which it reads from the layouts in "<layouts>/<name>"; an inventory of the binaries in "<binaries>/<architecture>/"; and
// the checksums of all files.
func Seal(folder, tag, layouts, binaries string, architectures []string) error {
	folder = filepath.Join(folder, tag)
	inventory, err := sbom(tag, binaries, architectures)
	if err != nil {
		return err
	}
	files := map[string][]byte{sbomFile: append(inventory, '\n')}
	for _, sealed := range []struct {
		byTag, byDigest string
		check           func([]byte) error
	}{
		{componentsFile, digestsFile, Check},
		{namespacedFile, namespacedDigestsFile, CheckNamespaced},
	} {
		components, err := os.ReadFile(filepath.Join(folder, sealed.byTag))
		if err != nil {
			return fmt.Errorf("reading the components: %w", err)
		}
		if components, err = withDigests(components, tag, layouts); err != nil {
			return err
		}
		if err := sealed.check(components); err != nil {
			return fmt.Errorf("checking %s: %w", sealed.byDigest, err)
		}
		files[sealed.byDigest] = components
	}
	if err := writeVersion(folder, files); err != nil {
		return err
	}
	return writeChecksums(folder)
}

// withDigests replaces the tag of each image by the digest of its index, which covers all architectures.
func withDigests(components []byte, tag, layouts string) ([]byte, error) {
	for _, image := range images {
		index, err := layout.ImageIndexFromPath(filepath.Join(layouts, image.name))
		if err != nil {
			return nil, fmt.Errorf("reading the layout of %s: %w", image.name, err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			return nil, fmt.Errorf("reading the index of %s: %w", image.name, err)
		}
		if len(manifest.Manifests) != 1 {
			return nil, fmt.Errorf("the layout of %s has %d images in place of one", image.name, len(manifest.Manifests))
		}
		byTag := []byte(image.reference(tag))
		if !bytes.Contains(components, byTag) {
			return nil, fmt.Errorf("the components do not mention the image %s", byTag)
		}
		components = bytes.ReplaceAll(components, byTag, []byte(repository+image.name+"@"+manifest.Manifests[0].Digest.String()))
	}
	return components, nil
}

// writeChecksums writes the checksums of all other files in the folder, for "sha256sum --check".
func writeChecksums(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("listing what to sum up: %w", err)
	}
	var sums bytes.Buffer
	for _, entry := range entries {
		if entry.Name() == checksumsFile {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			return fmt.Errorf("reading what to sum up: %w", err)
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), entry.Name())
	}
	if err := os.WriteFile(filepath.Join(folder, checksumsFile), sums.Bytes(), 0o644); err != nil {
		return fmt.Errorf("writing the checksums: %w", err)
	}
	return nil
}
