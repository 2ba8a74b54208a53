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

// Window is a range of minor versions, both ends included, each as "v1.28".
type Window struct {
	Oldest, Newest string
}

var (
	// ClusterAPI are the versions with the contract v1beta2.
	ClusterAPI = Window{Oldest: "v1.11", Newest: "v1.14"}
	// Management are the versions of Kubernetes that Cluster API supports for management clusters: v1.11 from v1.30, v1.14 to v1.37.
	Management = Window{Oldest: "v1.30", Newest: "v1.37"}
	// Workload are the versions of Kubernetes that Cluster API supports for workload clusters: v1.11 from v1.28, v1.14 to v1.37.
	Workload = Window{Oldest: "v1.28", Newest: "v1.37"}
)

// maxVersion is the longest version that is parsed and repeated, in bytes. Those of distributions have up to 30, such as
// v1.28.15-eks-4096722.
const maxVersion = 64

// IsOlder returns whether a version, as an API server reports it, is older than the window. A version that cannot be parsed is
// not: nothing is known of it.
func (w Window) IsOlder(reported string) bool {
	order, ok := compare(reported, w.Oldest)
	return ok && order < 0
}

// IsNewer returns whether a version is of a later minor version than the window has.
func (w Window) IsNewer(reported string) bool {
	order, ok := compare(reported, w.Newest)
	return ok && order > 0
}

// compare compares the minor versions.
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

// OfWorkload returns one sentence about the Kubernetes version of a workload cluster if that is older than supported, and an empty
// string otherwise. A newer version is no reason for a warning: Kubernetes keeps the APIs in use, and there would be one at each
// upgrade.
func OfWorkload(reported string) string {
	if !Workload.IsOlder(reported) {
		return ""
	}
	return fmt.Sprintf("Kubernetes %s of this cluster is older than %s, the oldest version that this release supports",
		text.Line(reported, maxVersion), Workload.Oldest)
}

// OfManagement returns one sentence about the Kubernetes version of the management cluster if that is not in the window, and an
// empty string otherwise.
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
