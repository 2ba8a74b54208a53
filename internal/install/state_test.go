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

package install_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

const (
	group           = "connectivity.tanzu.vmware.com/"
	stateAnnotation = group + "installation"
)

func annotated(annotations map[string]string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Annotations: annotations}}
}

// full has every field.
func full() install.State {
	return install.State{
		Payload: "p2", Release: "r1", ReadyPayload: "p1", GivenAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Waiting: "An update waits for its turn", InvalidOptions: "annotation dns-replicas is <three>",
		ClusterDNS:        clusterdns.State{Touched: []string{"kube-system/coredns/Corefile"}},
		ClusterDNSProblem: "Pods ask 169.254.25.10", Written: "xcc.test:53 {\n    errors\n}\n",
		Obsolete: []install.Reference{{APIVersion: "v1", Kind: "ConfigMap", Namespace: "xcc-dns", Name: "left"}},
		Removal: &install.Removal{
			Message: "Waiting for dns-config-patcher", CleanSince: time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC), ReportedSince: "2026-01-02T23:59:58Z",
		},
	}
}

func TestAStateComesBackAsItWasStored(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	secret := annotated(map[string]string{"theirs": "stays"})
	stored := full()
	stored.Removal.Phase = "Draining"
	stored.Store(secret)
	g.Expect(install.Load(secret)).To(Equal(stored))
	g.Expect(secret.Annotations).To(And(HaveLen(2), HaveKeyWithValue("theirs", "stays"), HaveKey(stateAnnotation)))
	g.Expect(install.HasState(secret)).To(BeTrue())

	again := secret.DeepCopy()
	install.Load(secret).Store(again)
	g.Expect(again).To(Equal(secret), "nothing is written without a change")
}

// Each annotation of the former format, and the part of the State that it becomes.
func TestTheAnnotationsOfAFormerReleaseBecomeTheState(t *testing.T) {
	t.Parallel()
	former := map[string]string{
		group + "payload": "p2", group + "release": "r1", group + "ready-payload": "p1", group + "given": "2026-01-02T03:04:05Z",
		group + "waiting": "An update waits for its turn", group + "invalid-options": "annotation dns-replicas is <three>",
		group + "cluster-dns": `{"touched":["kube-system/coredns/Corefile"]}`, group + "cluster-dns-problem": "Pods ask 169.254.25.10",
		group + "written":  "xcc.test:53 {\n    errors\n}\n",
		group + "obsolete": `[{"apiVersion":"v1","kind":"ConfigMap","namespace":"xcc-dns","name":"left"}]`,
		group + "removing": "Waiting for dns-config-patcher", group + "draining-since": "2026-01-03T00:00:00Z 2026-01-02T23:59:58Z",
	}
	g := NewWithT(t)
	secret := annotated(maps.Clone(former))
	g.Expect(install.HasState(secret)).To(BeTrue())
	g.Expect(install.Load(secret)).To(Equal(full()))

	t.Log("The State takes their place")
	secret.Annotations["theirs"] = "stays"
	install.Load(secret).Store(secret)
	g.Expect(secret.Annotations).To(And(HaveLen(2), HaveKey("theirs"), HaveKey(stateAnnotation)))
	g.Expect(install.Load(secret)).To(Equal(full()))

	t.Log("From then on they have no effect")
	secret.Annotations[group+"payload"] = "another"
	g.Expect(install.Load(secret)).To(Equal(full()))

	t.Log("A part that is spoilt is forgotten, and no other part")
	for key, expected := range map[string]func(*install.State){
		"given":          func(s *install.State) { s.GivenAt = time.Time{} },
		"cluster-dns":    func(s *install.State) { s.ClusterDNS = clusterdns.State{} },
		"obsolete":       func(s *install.State) { s.Obsolete = nil },
		"draining-since": func(s *install.State) { s.Removal.CleanSince, s.Removal.ReportedSince = time.Time{}, "" },
	} {
		spoilt := annotated(maps.Clone(former))
		spoilt.Annotations[group+key] = "{spoilt"
		want := full()
		expected(&want)
		g.Expect(install.Load(spoilt)).To(Equal(want), key)
	}
}

func TestNothingWasRemembered(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, secret := range []*corev1.Secret{annotated(nil), annotated(map[string]string{group + "written": "x"})} {
		g.Expect(install.HasState(secret)).To(BeFalse())
	}
	g.Expect(install.Load(annotated(nil))).To(BeZero())
}

// A tenant may write anything into the annotation.
func TestALyingStateIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é\x00<\n", 300<<10)
	reference := install.Reference{APIVersion: "v1", Kind: "ConfigMap", Namespace: "xcc-dns", Name: "left"}
	for name, test := range map[string]struct {
		annotation string
		expected   install.State
	}{
		"no JSON":           {"{", install.State{}},
		"another type":      {`{"payload":1}`, install.State{}},
		"a list":            {`[]`, install.State{}},
		"overlong":          {`{"payload":"p","written":"` + strings.Repeat("x", 200<<10) + `"}`, install.State{}},
		"a year beyond all": {`{"payload":"p","givenAt":"10000-01-01T00:00:00Z"}`, install.State{}},
		"an overlong hash":  {`{"payload":"` + strings.Repeat("x", 65) + `"}`, install.State{Payload: strings.Repeat("x", 60) + " …"}},
		"an overlong copy":  {`{"written":"` + strings.Repeat("x", report.MaxWritten+1) + `"}`, install.State{}},
		"a time that is none": {
			`{"removal":{"reportedSince":"yesterday"}}`, install.State{Removal: &install.Removal{}},
		},
		"a server that is none": {`{"clusterDNS":{"touched":["a","b/c/d"]}}`, install.State{ClusterDNS: clusterdns.State{Touched: []string{"b/c/d"}}}},
		"an object with an overlong name": {
			`{"obsolete":[{"apiVersion":"v1","kind":"ConfigMap","name":"` + strings.Repeat("x", 254) + `"},` + encode(t, reference) + `]}`,
			install.State{Obsolete: []install.Reference{reference}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(install.Load(annotated(map[string]string{stateAnnotation: test.annotation}))).To(Equal(test.expected))
		})
	}

	t.Run("the worst that is stored can be loaded", func(t *testing.T) {
		t.Parallel()
		g := NewWithT(t)
		worst := full()
		worst.Waiting, worst.InvalidOptions, worst.ClusterDNSProblem, worst.Removal.Message = long, long, long, long
		worst.Written = strings.Repeat("\x01", report.MaxWritten)
		worst.ClusterDNS.Touched = nil
		for i := range 10 {
			worst.ClusterDNS.Touched = append(worst.ClusterDNS.Touched, fmt.Sprintf("%s/%s%d/%s", strings.Repeat("n", 63), strings.Repeat("c", 250), i, strings.Repeat("k", 253)))
		}
		for i := range 1000 {
			worst.Obsolete = append(worst.Obsolete, install.Reference{
				APIVersion: strings.Repeat("g", 253) + "/" + strings.Repeat("v", 63), Kind: strings.Repeat("k", 63),
				Namespace: strings.Repeat("n", 63), Name: fmt.Sprintf("%s%03d", strings.Repeat("x", 250), i),
			})
		}
		secret := annotated(nil)
		worst.Store(secret)
		g.Expect(len(secret.Annotations[stateAnnotation])).To(BeNumerically("<", 192<<10))
		loaded := install.Load(secret)
		g.Expect(loaded.Payload).To(Equal("p2"))
		g.Expect(loaded.Obsolete).To(HaveLen(100))
		g.Expect(loaded.Written).To(Equal(worst.Written))
		g.Expect(slices.ContainsFunc(loaded.Obsolete, func(r install.Reference) bool { return r.Name == "left" })).To(BeTrue())
	})
}

func encode(t *testing.T, value any) string {
	t.Helper()
	encoded, err := json.Marshal(value)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(encoded)
}
