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

package manager

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	"k8s.io/klog/v2/textlogger"
)

func TestTheManagerSaysWhichManagementClusterItNeeds(t *testing.T) {
	t.Parallel()
	const core, addons = "cluster.x-k8s.io/v1beta2", "addons.cluster.x-k8s.io/v1beta2"
	for name, test := range map[string]struct {
		version string
		served  []string
		denied  bool
		err     string
		log     string
	}{
		"the newest": {version: "v1.37.2", served: []string{core, addons}},
		"the oldest": {version: "v1.30.0", served: []string{core, addons}},
		"an older Kubernetes": {
			version: "v1.29.14", served: []string{core, addons},
			log: "Kubernetes v1.29.14 of the management cluster is older than v1.30, the oldest version that this release supports",
		},
		"a newer Kubernetes": {version: "v1.38.0", served: []string{core, addons}, log: "is newer than v1.37"},
		"Cluster API v1.10": {
			version: "v1.33.0", served: []string{"cluster.x-k8s.io/v1beta1", "addons.cluster.x-k8s.io/v1beta1"},
			err: "the management cluster does not serve cluster.x-k8s.io/v1beta2: install Cluster API v1.11 or newer, with the contract v1beta2",
		},
		"no ClusterResourceSets":           {version: "v1.33.0", served: []string{core}, err: "does not serve addons.cluster.x-k8s.io/v1beta2"},
		"an API server that tells nothing": {denied: true, log: "The version of the management cluster is not known"},
		"a version that is no version":     {version: "latest", served: []string{core, addons}},
		"a version of a megabyte":          {version: strings.Repeat("1.", 1<<19), served: []string{core, addons}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for _, groupVersion := range test.served {
					if r.URL.Path == "/apis/"+groupVersion {
						_ = json.NewEncoder(w).Encode(metav1.APIResourceList{GroupVersion: groupVersion})
						return
					}
				}
				switch {
				case test.denied:
					w.WriteHeader(http.StatusForbidden)
				case r.URL.Path == "/version":
					_ = json.NewEncoder(w).Encode(version.Info{GitVersion: test.version})
				default:
					w.WriteHeader(http.StatusNotFound)
				}
			}))
			defer server.Close()
			var log bytes.Buffer
			ctx := klog.NewContext(t.Context(), textlogger.NewLogger(textlogger.NewConfig(textlogger.Output(&log))))

			err := checkManagement(ctx, &rest.Config{Host: server.URL})

			if test.err == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(ContainSubstring(test.err)))
			}
			if test.log == "" {
				g.Expect(log.String()).To(BeEmpty())
			} else {
				g.Expect(log.String()).To(ContainSubstring(test.log))
			}
		})
	}
}
