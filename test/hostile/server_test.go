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

package hostile

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// get sends a GET with the server's own credentials.
func get(t *testing.T, s *Server, path string) answer {
	t.Helper()
	g := NewWithT(t)
	client, err := rest.HTTPClientFor(s.Config())
	g.Expect(err).NotTo(HaveOccurred())
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := client.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { response.Body.Close() })
	return answer{code: response.StatusCode, header: response.Header, uncompressed: response.Uncompressed, body: response.Body}
}

// answer is a response whose body is closed when the test ends.
type answer struct {
	code         int
	header       http.Header
	uncompressed bool
	body         io.ReadCloser
}

func TestOverridesMatchByVerbAndPath(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	behind := New(t, nil)
	behind.Override(http.MethodGet, "/api/*", Text(http.StatusOK, "text/plain", "behind"))
	s := New(t, behind.Config())
	read := func(path string) string {
		body, err := io.ReadAll(get(t, s, path).body)
		g.Expect(err).NotTo(HaveOccurred())
		return string(body)
	}
	g.Expect(read("/api/v1/services")).To(Equal("behind"))
	g.Expect(behind.Requests()).To(ConsistOf(HaveField("Authorization", "Bearer "+Token)), "it has the credentials of what is behind")

	s.Override(http.MethodGet, "/api/v1/services", Text(http.StatusOK, "text/plain", "list"))
	s.Override(Watch, "/api/v1/services", Text(http.StatusOK, "text/plain", "watch"))
	g.Expect(read("/api/v1/services")).To(Equal("list"))
	g.Expect(read("/api/v1/services?watch=true")).To(Equal("watch"))
	g.Expect(read("/api/v1/pods")).To(Equal("behind"))
	s.Override("", "/api/*", Text(http.StatusOK, "text/plain", "all"))
	g.Expect(read("/api/v1/services")).To(Equal("all"))
	s.Override("", "/api/*", nil)
	g.Expect(read("/api/v1/services")).To(Equal("list"))
	s.Behave()
	g.Expect(read("/api/v1/services")).To(Equal("behind"))
	g.Expect(s.Requests()).To(ContainElement(And(
		HaveField("Verb", Watch), HaveField("Path", "/api/v1/services"), HaveField("Query", "watch=true"),
		HaveField("Authorization", "Bearer "+Token), HaveField("UserAgent", Not(BeEmpty())),
	)))
}

func TestAClientOfTheKubeconfigConnects(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := New(t, nil)
	s.Override(http.MethodGet, "/api/v1/services", List("v1", "ServiceList", 3, Service(1000)))
	config, err := clientcmd.RESTConfigFromKubeConfig(s.Kubeconfig())
	g.Expect(err).NotTo(HaveOccurred())
	client, err := kubernetes.NewForConfig(config)
	g.Expect(err).NotTo(HaveOccurred())
	services, err := client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(services.Items).To(HaveLen(3))
	g.Expect(services.Items[2]).To(HaveField("Name", "service-2"))
	_, err = client.CoreV1().Pods("").List(t.Context(), metav1.ListOptions{})
	g.Expect(err).To(MatchError(ContainSubstring("not found")))
}

func TestEndlessResponsesEndWithTheClient(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"list":  EndlessList("v1", "ServiceList", Service(10_000)),
		"watch": EndlessWatch(Service(10_000)),
		"body":  Body(http.StatusOK, "application/json", -1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			s := New(t, nil)
			ended := make(chan struct{})
			s.Override("", "/*", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(ended)
				handler(w, r)
			}))
			response := get(t, s, "/api")
			_, err := io.CopyN(io.Discard, response.body, 5<<20)
			g.Expect(err).NotTo(HaveOccurred())
			response.body.Close()
			g.Eventually(ended).WithTimeout(30*time.Second).Should(BeClosed(), "the behaviour ends with its request")
		})
	}
}

func TestAnEndlessWatchSendsEvents(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := New(t, nil)
	s.Override(Watch, "/api/v1/services", EndlessWatch(Service(1<<20)))
	line, err := bufio.NewReader(get(t, s, "/api/v1/services?watch=true").body).ReadBytes('\n')
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(line)).To(BeNumerically("~", 1<<20, 1000))
	event := struct {
		Type   string
		Object corev1.Service
	}{}
	g.Expect(json.Unmarshal(line, &event)).To(Succeed())
	g.Expect(event.Type).To(Equal("ADDED"))
	g.Expect(event.Object.Spec.Ports).To(HaveLen(1))
}

func TestResponsesThatEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := New(t, nil)
	s.Override("", "/body", Body(http.StatusOK, "text/plain", 100_000))
	s.Override("", "/bomb", Bomb(10<<20))
	s.Override("", "/redirect", RedirectTo("https://192.0.2.1/secret"))
	s.Override("", "/text", Text(http.StatusTeapot, "text/html", "<html>"))
	body, err := io.ReadAll(get(t, s, "/body").body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(body).To(HaveLen(100_000))
	bomb := get(t, s, "/bomb")
	g.Expect(bomb.uncompressed).To(BeTrue())
	body, err = io.ReadAll(bomb.body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(body)).To(BeNumerically(">", 10<<20))
	redirect := get(t, s, "/redirect")
	g.Expect(redirect.code).To(Equal(http.StatusFound))
	g.Expect(redirect.header.Get("Location")).To(Equal("https://192.0.2.1/secret"))
	g.Expect(get(t, s, "/text").code).To(Equal(http.StatusTeapot))
}

func TestHangEndsWithTheClientAndWithTheTest(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := New(t, nil)
	s.Override("", "/hang", Hang())
	s.Override("", "/drip", Drip(time.Hour))
	client, err := rest.HTTPClientFor(s.Config())
	g.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/hang", nil)
		if err == nil {
			_, err = client.Do(request) //nolint:bodyclose // There is no response.
		}
		failed <- err
	}()
	g.Eventually(s.Requests).WithTimeout(30*time.Second).Should(HaveLen(1), "the request has arrived")
	cancel()
	g.Eventually(failed).WithTimeout(30 * time.Second).Should(Receive(MatchError(context.Canceled)))
	first := make([]byte, 1)
	_, err = io.ReadFull(get(t, s, "/drip").body, first) // This body stays open until the test ends.
	g.Expect(err).NotTo(HaveOccurred())
}
