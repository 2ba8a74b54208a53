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
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"k8s.io/apimachinery/pkg/util/version"
)

const (
	componentsFile = "addon-components.yaml"
	metadataFile   = "metadata.yaml"
	namespacedFile = "namespaced-components.yaml"

	// unreleased is the tag of the images in config/, where no version is known.
	unreleased = "dev"
)

// WriteComponents writes components and metadata of the version below the folder, which becomes a local repository of
// clusterctl: "<folder>/v0.1.0/addon-components.yaml" and "metadata.yaml" beside it. It checks both
// first, and writes nothing if one is wrong.
func WriteComponents(folder, tag string, manifests, metadata []byte) error {
	if err := checkVersion(tag); err != nil {
		return err
	}
	if err := checkMetadata(metadata, tag); err != nil {
		return err
	}
	components, err := Components(manifests, tag)
	if err != nil {
		return err
	}
	if err := Check(components); err != nil {
		return fmt.Errorf("checking the components: %w", err)
	}
	return writeVersion(filepath.Join(folder, tag), map[string][]byte{componentsFile: components, metadataFile: metadata})
}

// WriteNamespaced checks the components for one namespace, and writes them to
// "<folder>/<version>/namespaced-components.yaml" for "clusterctl generate yaml".
func WriteNamespaced(folder, tag string, manifests []byte) error {
	if err := checkVersion(tag); err != nil {
		return err
	}
	components, err := Components(manifests, tag)
	if err != nil {
		return err
	}
	if err := CheckNamespaced(components); err != nil {
		return fmt.Errorf("checking the components for one namespace: %w", err)
	}
	return writeVersion(filepath.Join(folder, tag), map[string][]byte{namespacedFile: components})
}

func writeVersion(folder string, files map[string][]byte) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("making the folder of the version: %w", err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return nil
}

// checkVersion returns an error unless clusterctl accepts the version of a provider: "v" and a semantic version.
func checkVersion(tag string) error {
	if _, err := version.ParseSemantic(tag); err != nil || tag[0] != 'v' {
		return fmt.Errorf("the version of a release looks like v0.1.0, not %q: give one with VERSION=v0.1.0", tag)
	}
	return nil
}

// Components returns the manifests with the tag of this version in each reference to an image of ours, and with quotes around
// each argument that holds a variable.
func Components(manifests []byte, tag string) ([]byte, error) {
	for _, image := range images {
		before := []byte(image.reference(unreleased))
		if !bytes.Contains(manifests, before) {
			return nil, fmt.Errorf("the manifests do not mention the image %s", before)
		}
		manifests = bytes.ReplaceAll(manifests, before, []byte(image.reference(tag)))
	}
	return quotedArgument.ReplaceAll(manifests, []byte("$1'$2'")), nil
}

// quotedArgument matches a list item that is a flag with a variable, in plain style, unless the variable's default is a
// space. Substitution happens in the text, so a value such as [{"key": "example"}] would become a mapping of YAML where
// the item is plain, and kustomize takes the quotes away that config/ may have. A default that is a space means nothing,
// and is nothing only where the item stays plain.
var quotedArgument = regexp.MustCompile(`(?m)^( *- )(--[^'"\n]*\$\{[^'"\n]*[^ \n]\})$`)
