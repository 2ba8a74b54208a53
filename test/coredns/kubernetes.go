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

package coredns

import (
	"encoding/json"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// apiServer is the address of the plugin kubernetes' API server.
	apiServer = "10.96.0.1:80"
	// APIServerIP is the ClusterIP of kubernetes.default.svc.
	APIServerIP = "10.96.0.1"
)

// WithAPIServer returns the Corefile with the API server of ServeKubernetes as the endpoint of each
// plugin kubernetes. Inside of a cluster, the plugin needs no endpoint.
func WithAPIServer(corefile string) string {
	return kubernetesPlugin.ReplaceAllStringFunc(corefile, func(line string) string {
		before, opened := strings.CutSuffix(strings.TrimRight(line, " \t\r"), "{")
		after := " {\n endpoint http://" + apiServer + "\n"
		if !opened {
			after += "}\n"
		}
		return strings.TrimRight(before, " \t") + strings.TrimSuffix(after, "\n")
	})
}

var kubernetesPlugin = regexp.MustCompile(`(?m)^[ \t]*kubernetes([ \t][^\n]*)?$`)

// ServeKubernetes serves the part of the Kubernetes API that the plugin kubernetes needs. It has
// only the Service kubernetes in the namespace default, and nothing changes.
func (n *Network) ServeKubernetes(t *testing.T) {
	t.Helper()
	udp, listener := n.Listen(t, net.JoinHostPort(APIServerIP, "80"))
	_ = udp.Close()
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: newAPI(t)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
}

// newAPI handles lists, and watches without events.
func newAPI(t *testing.T) http.Handler {
	t.Helper()
	lists := map[string][]byte{
		"/api/v1/services": encoded(t, corev1.ServiceList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceList"}, Items: []corev1.Service{{
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "kubernetes"},
			Spec:       corev1.ServiceSpec{ClusterIP: APIServerIP, ClusterIPs: []string{APIServerIP}, Type: corev1.ServiceTypeClusterIP},
		}}}),
		"/api/v1/namespaces": encoded(t, corev1.NamespaceList{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"},
			Items:    []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: metav1.NamespaceDefault}}},
		}),
		"/apis/discovery.k8s.io/v1/endpointslices": encoded(t, discoveryv1.EndpointSliceList{
			TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSliceList"},
		}),
	}
	// A client that receives this error lists instead.
	noStream := encoded(t, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: metav1.StatusFailure,
		Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity,
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list, found := lists[r.URL.Path]
		w.Header().Set("Content-Type", "application/json")
		switch {
		case !found:
			http.NotFound(w, r)
		case r.URL.Query().Get("sendInitialEvents") != "":
			w.WriteHeader(http.StatusUnprocessableEntity)
			_, _ = w.Write(noStream)
		case r.URL.Query().Get("watch") != "":
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			_, _ = w.Write(list)
		}
	})
}

func encoded(t *testing.T, object any) []byte {
	t.Helper()
	text, err := json.Marshal(object)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return text
}
