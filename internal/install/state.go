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
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

const (
	// stateAnnotation on a payload Secret holds the State as JSON. Load and Store alone read and
	// write it.
	stateAnnotation = "connectivity.tanzu.vmware.com/installation"
	// maxState bounds the annotation, in bytes. The API server takes 256 KiB of annotations for one
	// object. The bounds of the fields, with the worst escapes of JSON, add up to less.
	maxState = 192 << 10
	// maxSentence bounds Waiting and InvalidOptions, in bytes: a sentence with the names of four
	// objects, or about four options.
	maxSentence = 4 << 10
	// maxObsolete bounds Obsolete. A Deployment keeps 10 former ReplicaSets, and a hostile API
	// server can list any number.
	maxObsolete = 100
)

// State is the manager's record of the add-on in one workload cluster. It lives in an annotation of
// the payload Secret, so that it outlives a restart of the manager and moves with the Cluster. A
// tenant may edit the Secret: Load checks sizes and formats, and no field gives more power than the
// payload beside it.
type State struct {
	// Payload is the hash of the payload that the Secret holds; empty if none was given.
	Payload string `json:"payload,omitempty"`
	// Release is the hash of that payload without the options of the Cluster. A change of options
	// concerns one Cluster and does not wait.
	Release string `json:"release,omitempty"`
	// GivenAt is when the Secret got the payload; zero if unknown.
	GivenAt time.Time `json:"givenAt,omitzero"`
	// ReadyPayload is the hash of the payload with which DNS was ready last. It is empty if DNS was
	// not ready when the present payload was given.
	ReadyPayload string `json:"readyPayload,omitempty"`
	// Waiting is why the Cluster does not get another payload yet: one sentence, empty if none
	// waits.
	Waiting string `json:"waiting,omitempty"`
	// InvalidOptions is the error in the options of the Cluster's annotations: one sentence,
	// empty if they are right.
	InvalidOptions string `json:"invalidOptions,omitempty"`
	// ClusterDNS are the DNS servers that Pods ask, and the keys with server blocks of ours.
	ClusterDNS clusterdns.State `json:"clusterDNS,omitzero"`
	// ClusterDNSProblem is why those servers cannot be configured: one sentence, empty unless
	// lookups fail.
	ClusterDNSProblem string `json:"clusterDNSProblem,omitempty"`
	// Written is a copy of the server blocks that dns-config-patcher wrote last, at most
	// report.MaxWritten bytes.
	Written string `json:"written,omitempty"`
	// Obsolete are the objects to delete once the payload's Pods are available.
	Obsolete []Reference `json:"obsolete,omitempty"`
	// Removal is the progress of a removal; nil if the add-on stays.
	Removal *Removal `json:"removal,omitempty"`
}

// Removal is how far the removal of the add-on from a workload cluster is.
type Removal struct {
	// Phase names the present wait, in CamelCase, and Message explains it to users in one sentence.
	Phase   string `json:"phase,omitempty"`
	Message string `json:"message,omitempty"`
	// CleanSince is when cluster DNS was first seen without a server block of ours, by the clock of
	// the manager; zero while it has one.
	CleanSince time.Time `json:"cleanSince,omitzero"`
	// ReportedSince is when dns-config-patcher took the last block out, as it reports, in the
	// format of RFC 3339; it may be empty.
	ReportedSince string `json:"reportedSince,omitempty"`
}

// Load returns the State in an object's annotations. A State that is overlong or no JSON is
// forgotten: the Cluster then gets its payload again. The annotations of former releases count if
// there is no State.
func Load(object metav1.Object) State {
	encoded, ok := object.GetAnnotations()[stateAnnotation]
	if !ok {
		return loadFormer(object.GetAnnotations())
	}
	s := State{}
	if len(encoded) > maxState || json.Unmarshal([]byte(encoded), &s) != nil {
		return State{}
	}
	return s.bounded()
}

// HasState returns whether Store, or a former release, wrote to the object.
func HasState(object metav1.Object) bool {
	_, ok := object.GetAnnotations()[stateAnnotation]
	return ok || hasFormer(object.GetAnnotations())
}

// Store puts the State into an object's annotations, in place of those of former releases.
func (s State) Store(object metav1.Object) {
	annotations := map[string]string{}
	for key, value := range object.GetAnnotations() {
		if !isFormer(key) {
			annotations[key] = value
		}
	}
	annotations[stateAnnotation] = s.bounded().encode()
	object.SetAnnotations(annotations)
}

func (s State) encode() string {
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err) // Only a year beyond 9999 fails, and bounded clears it.
	}
	return strings.TrimSpace(encoded.String())
}

// bounded returns the State with every field within its bounds.
func (s State) bounded() State {
	const hash = 64
	s.Payload, s.Release, s.ReadyPayload = text.Line(s.Payload, hash), text.Line(s.Release, hash), text.Line(s.ReadyPayload, hash)
	s.GivenAt = wholeSeconds(s.GivenAt)
	s.Waiting, s.InvalidOptions = text.Line(s.Waiting, maxSentence), text.Line(s.InvalidOptions, maxSentence)
	s.ClusterDNS = clusterdns.ParseState(s.ClusterDNS.String())
	s.ClusterDNSProblem = fit.Message(s.ClusterDNSProblem)
	if s.Written = strings.ToValidUTF8(s.Written, ""); len(s.Written) > report.MaxWritten {
		s.Written = ""
	}
	s.Obsolete = slices.DeleteFunc(slices.Clone(s.Obsolete), func(r Reference) bool { return !r.fits() })
	s.Obsolete = s.Obsolete[:min(len(s.Obsolete), maxObsolete)]
	if len(s.Obsolete) == 0 {
		s.Obsolete = nil
	}
	if s.Removal != nil {
		removal := *s.Removal
		removal.Phase, removal.Message = text.Line(removal.Phase, hash), fit.Message(removal.Message)
		removal.CleanSince, removal.ReportedSince = wholeSeconds(removal.CleanSince), timeOrNothing(removal.ReportedSince)
		s.Removal = &removal
	}
	return s
}

// wholeSeconds returns the time as RFC 3339 without fractions keeps it, and zero for a year that
// JSON cannot hold.
func wholeSeconds(t time.Time) time.Time {
	const lastYear = 9999
	t = t.UTC().Truncate(time.Second)
	if t.Year() < 1 || t.Year() > lastYear {
		return time.Time{}
	}
	return t
}

// timeOrNothing returns the text if it is a time as in RFC 3339. A workload cluster can report
// anything.
func timeOrNothing(text string) string {
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		return ""
	}
	return text
}
