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

package install

import (
	"encoding/json"
	"strings"
	"time"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
)

// The annotations of a payload Secret that held the State before it had one annotation. Load reads
// them if there is no State, and Store deletes them. They can go one minor release after the first
// that has a State.
const (
	formerRelease        = "connectivity.tanzu.vmware.com/release"
	formerReady          = "connectivity.tanzu.vmware.com/ready-payload"
	formerGiven          = "connectivity.tanzu.vmware.com/given"
	formerWaiting        = "connectivity.tanzu.vmware.com/waiting"
	formerInvalidOptions = "connectivity.tanzu.vmware.com/invalid-options"
	formerClusterDNS     = "connectivity.tanzu.vmware.com/cluster-dns"
	formerProblem        = "connectivity.tanzu.vmware.com/cluster-dns-problem"
	formerWritten        = "connectivity.tanzu.vmware.com/written"
	formerObsolete       = "connectivity.tanzu.vmware.com/obsolete"
	formerRemoving       = "connectivity.tanzu.vmware.com/removing"
	// formerDraining held CleanSince and, after a space, ReportedSince.
	formerDraining = "connectivity.tanzu.vmware.com/draining-since"
)

func isFormer(annotation string) bool {
	switch annotation {
	case xccv1.PayloadAnnotation, formerRelease, formerReady, formerGiven, formerWaiting, formerInvalidOptions,
		formerClusterDNS, formerProblem, formerWritten, formerObsolete, formerRemoving, formerDraining:
		return true
	}
	return false
}

// hasFormer returns whether a former release gave the Secret a payload.
func hasFormer(annotations map[string]string) bool { return annotations[xccv1.PayloadAnnotation] != "" }

// loadFormer returns the State that a former release left. A part that cannot be parsed is
// forgotten.
func loadFormer(annotations map[string]string) State {
	s := State{
		Payload: annotations[xccv1.PayloadAnnotation], Release: annotations[formerRelease], ReadyPayload: annotations[formerReady],
		Waiting: annotations[formerWaiting], InvalidOptions: annotations[formerInvalidOptions],
		ClusterDNS:        clusterdns.ParseState(annotations[formerClusterDNS]),
		ClusterDNSProblem: annotations[formerProblem], Written: annotations[formerWritten],
	}
	if at, err := time.Parse(time.RFC3339, annotations[formerGiven]); err == nil {
		s.GivenAt = at
	}
	if obsolete := annotations[formerObsolete]; len(obsolete) <= maxState && json.Unmarshal([]byte(obsolete), &s.Obsolete) != nil {
		s.Obsolete = nil
	}
	if message := annotations[formerRemoving]; message != "" {
		s.Removal = &Removal{Message: message}
		since, reported, _ := strings.Cut(annotations[formerDraining], " ")
		if at, err := time.Parse(time.RFC3339, since); err == nil {
			s.Removal.CleanSince, s.Removal.ReportedSince = at, reported
		}
	}
	return s.bounded()
}
