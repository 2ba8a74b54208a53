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
	"cmp"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// The types are those of SPDX 2.3, as far as an inventory of Go modules needs them (https://spdx.github.io/spdx-spec/v2.3/).
type (
	spdxDocument struct {
		Version       string             `json:"spdxVersion"`
		DataLicense   string             `json:"dataLicense"`
		ID            string             `json:"SPDXID"`
		Name          string             `json:"name"`
		Namespace     string             `json:"documentNamespace"`
		Creation      spdxCreation       `json:"creationInfo"`
		Packages      []spdxPackage      `json:"packages"`
		Relationships []spdxRelationship `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID            string          `json:"SPDXID"`
		Name          string          `json:"name"`
		Version       string          `json:"versionInfo"`
		Location      string          `json:"downloadLocation"`
		FilesAnalyzed bool            `json:"filesAnalyzed"`
		License       string          `json:"licenseDeclared"`
		Comment       string          `json:"comment,omitempty"`
		References    []spdxReference `json:"externalRefs,omitempty"`
	}
	spdxReference struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelationship struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

const (
	noAssertion  = "NOASSERTION"
	spdxDocID    = "SPDXRef-DOCUMENT"
	projectAtWeb = "https://github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc"
	// created is the same for every build, so that the same commit gives the same bytes.
	created = "1970-01-01T00:00:00Z"
)

// sbom returns the inventory of the binaries in "<folder>/<architecture>/" as an SPDX document. It lists the modules in the build
// information of each binary, which are fewer than those in go.mod.
func sbom(tag, folder string, architectures []string) ([]byte, error) {
	document := spdxDocument{
		Version: "SPDX-2.3", DataLicense: "CC0-1.0", ID: spdxDocID, Name: provider + "-" + tag,
		Namespace: projectAtWeb + "/releases/download/" + tag + "/" + sbomFile,
		Creation:  spdxCreation{Created: created, Creators: []string{"Tool: xcc-release-" + tag}},
	}
	modules := map[string]spdxPackage{}
	for _, image := range images {
		for _, binary := range image.binaries {
			for _, architecture := range architectures {
				info, err := buildinfo.ReadFile(filepath.Join(folder, architecture, binary))
				if err != nil {
					return nil, fmt.Errorf("reading what is linked into %s for %s: %w", binary, architecture, err)
				}
				document.add(tag, binary+"-"+architecture, info, modules)
			}
		}
	}
	for _, module := range modules {
		document.Packages = append(document.Packages, module)
	}
	slices.SortFunc(document.Packages, func(a, b spdxPackage) int { return cmp.Compare(a.ID, b.ID) })
	return json.MarshalIndent(document, "", "  ")
}

// add adds a binary to the document, and its dependencies to the modules.
func (d *spdxDocument) add(tag, name string, info *debug.BuildInfo, modules map[string]spdxPackage) {
	binary := spdxPackage{
		ID: spdxID("Binary", name), Name: name, Version: tag, Location: noAssertion, License: "Apache-2.0", Comment: "built with " + info.GoVersion,
	}
	d.Packages = append(d.Packages, binary)
	d.Relationships = append(d.Relationships, spdxRelationship{spdxDocID, "DESCRIBES", binary.ID})
	linked := append([]*debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}, info.Deps...)
	for _, module := range linked {
		if module.Replace != nil {
			module = module.Replace
		}
		id := spdxID("Module", module.Path+"-"+module.Version)
		d.Relationships = append(d.Relationships, spdxRelationship{binary.ID, "DEPENDS_ON", id})
		found := spdxPackage{
			ID: id, Name: module.Path, Version: module.Version, Location: noAssertion, License: noAssertion,
			References: []spdxReference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + module.Path + "@" + module.Version}},
		}
		if module.Sum != "" {
			found.Comment = "go.sum " + module.Sum
		}
		modules[id] = found
	}
}

// spdxID returns an identifier with only letters, digits, dots and hyphens, as SPDX requires.
func spdxID(kind, name string) string {
	return "SPDXRef-" + kind + "-" + strings.Map(func(r rune) rune {
		if r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, name)
}
