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

	"k8s.io/apimachinery/pkg/util/version"
	clusterctlv1 "sigs.k8s.io/cluster-api/cmd/clusterctl/api/v1alpha3"
	"sigs.k8s.io/yaml"
)

// contract is the Cluster API contract that this provider follows.
const contract = "v1beta2"

// checkMetadata returns an error unless the metadata has an entry for the minor release of the version: clusterctl refuses to
// install a version without one.
func checkMetadata(content []byte, tag string) error {
	var metadata clusterctlv1.Metadata
	if err := yaml.UnmarshalStrict(content, &metadata); err != nil {
		return fmt.Errorf("reading %s: %w", metadataFile, err)
	}
	if want := clusterctlv1.GroupVersion.String(); metadata.APIVersion != want || metadata.Kind != "Metadata" {
		return fmt.Errorf("%s is a %s %s, not a %s Metadata", metadataFile, metadata.APIVersion, metadata.Kind, want)
	}
	parsed, err := version.ParseSemantic(tag)
	if err != nil {
		return fmt.Errorf("reading the version: %w", err)
	}
	series := metadata.GetReleaseSeriesForVersion(parsed)
	if series == nil {
		return fmt.Errorf("%s has no releaseSeries entry for major %d, minor %d: add one before releasing %s",
			metadataFile, parsed.Major(), parsed.Minor(), tag)
	}
	if series.Contract != contract {
		return fmt.Errorf("%s says that %s follows the contract %s, not %s", metadataFile, tag, series.Contract, contract)
	}
	return nil
}
