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

package support

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// Window is a range of minor versions such as "v1.28". It includes both ends.
type Window struct {
	Oldest, Newest string
}

var (
	// ClusterAPI are the versions with the contract v1beta2.
	ClusterAPI = Window{Oldest: "v1.11", Newest: "v1.14"}
	// Management are the Kubernetes versions of management clusters. Cluster API v1.11 supports
	// v1.30 and newer, v1.14 up to v1.37.
	Management = Window{Oldest: "v1.30", Newest: "v1.37"}
	// Workload are the Kubernetes versions of workload clusters. Cluster API v1.11 supports v1.28
	// and newer, v1.14 up to v1.37.
	Workload = Window{Oldest: "v1.28", Newest: "v1.37"}
)

// maxVersion is the length of the longest version that is parsed or quoted, in bytes. Versions of
// distributions, such as v1.28.15-eks-4096722, have up to 30.
const maxVersion = 64

// IsOlder returns whether a version, as an API server reports it, is older than the window. It
// returns false if the version cannot be parsed.
func (w Window) IsOlder(reported string) bool {
	order, ok := compare(reported, w.Oldest)
	return ok && order < 0
}

// IsNewer returns whether the minor version is newer than the window. It returns false if the
// version cannot be parsed.
func (w Window) IsNewer(reported string) bool {
	order, ok := compare(reported, w.Newest)
	return ok && order > 0
}

// compare orders the minor version of a reported version against an end of a window. It returns
// false if the reported version cannot be parsed.
func compare(reported, end string) (order int, ok bool) {
	if len(reported) > maxVersion {
		return 0, false
	}
	parsed, err := version.ParseGeneric(reported)
	if err != nil {
		return 0, false
	}
	order, err = version.MajorMinor(parsed.Major(), parsed.Minor()).Compare(end)
	return order, err == nil
}

// OfWorkload returns a warning if the Kubernetes version of a workload cluster is older than
// supported, and "" otherwise. A newer version gets no warning: Kubernetes keeps the APIs in use,
// and every upgrade would cause one.
func OfWorkload(reported string) string {
	if !Workload.IsOlder(reported) {
		return ""
	}
	return fmt.Sprintf("Kubernetes %s of this cluster is older than %s, the oldest version that this release supports",
		text.Line(reported, maxVersion), Workload.Oldest)
}

// OfManagement returns a warning if the Kubernetes version of the management cluster is not in the
// window, and "" otherwise.
func OfManagement(reported string) string {
	switch shown := text.Line(reported, maxVersion); {
	case Management.IsOlder(reported):
		return fmt.Sprintf("Kubernetes %s of the management cluster is older than %s, the oldest version that this release supports", shown, Management.Oldest)
	case Management.IsNewer(reported):
		return fmt.Sprintf("Kubernetes %s of the management cluster is newer than %s, the newest version that this release was tested with", shown, Management.Newest)
	default:
		return ""
	}
}
