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

package remote_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

// secret is text of a foreign service that no error may quote.
const secret = "AKIA-SECRET-OF-ANOTHER-SERVICE"

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	for _, code := range []int{301, 302, 303, 307, 308} {
		g := NewWithT(t)
		elsewhere := hostile.New(t, nil)
		elsewhere.Override("", "/*", hostile.Text(http.StatusOK, "text/plain", secret))
		server := hostile.New(t, nil)
		for _, target := range []string{elsewhere.URL() + "/latest/meta-data", server.URL() + "/elsewhere", "/elsewhere"} {
			server.Override("", "/api/*", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", target)
				w.WriteHeader(code)
			}))
			config := server.Config()
			config.Insecure, config.CAData = true, nil // Trust the certificate of the other server, too.
			config.Wrap(remote.RefuseRedirects)
			client, err := kubernetes.NewForConfig(config)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
			g.Expect(errors.Is(err, remote.ErrRedirect)).To(BeTrue(), "%v", err)
			g.Expect(remote.Describe(err)).To(Equal(remote.ErrRedirect.Error()))
		}
		g.Expect(elsewhere.Requests()).To(BeEmpty(), "the token was sent to another server")
		g.Expect(server.Requests()).To(HaveEach(HaveField("Path", HavePrefix("/api/"))))
	}
}

func TestOnlyTheMessageOfAStatusIsQuoted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		response  http.HandlerFunc
		described string
	}{
		"a Status": {
			hostile.Status(http.StatusForbidden, "Forbidden", "services is forbidden"), "services is forbidden",
		},
		"a Status with control characters": {
			hostile.Status(http.StatusForbidden, "Forbidden", "a\x1b[31m\nb"), "a[31m b",
		},
		"a page of a web server": {
			hostile.Text(http.StatusNotFound, "text/html", secret), "the server could not find the requested resource",
		},
		"a text with status 403, which client-go keeps": {
			hostile.Text(http.StatusForbidden, "text/plain", secret), "status 403 (Forbidden) and without a Kubernetes Status",
		},
		"a text with status 500": {
			hostile.Text(http.StatusInternalServerError, "text/plain", secret), "status 500 (Internal Server Error) and without a Kubernetes Status",
		},
		"JSON without a Status": {
			hostile.Text(http.StatusInternalServerError, "application/json", `{"secret":"`+secret+`"}`), "and without a Kubernetes Status",
		},
		"an object of an unknown kind": {
			hostile.Text(http.StatusOK, "application/json", `{"kind":"`+secret+`","apiVersion":"v1"}`), "cannot be parsed",
		},
		"a text instead of JSON": {
			hostile.Text(http.StatusOK, "application/json", secret), "cannot be parsed",
		},
		"a text as the content type": {
			hostile.Text(http.StatusOK, secret+"; =", "{}"), "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			server := hostile.New(t, nil)
			server.Override("", "/*", test.response)
			client, err := kubernetes.NewForConfig(server.Config())
			g.Expect(err).NotTo(HaveOccurred())
			_, err = client.CoreV1().Services("").List(t.Context(), metav1.ListOptions{})
			g.Expect(err).To(HaveOccurred())
			g.Expect(remote.Describe(err)).To(ContainSubstring(test.described))
			g.Expect(remote.Describe(err)).NotTo(ContainSubstring(secret))
		})
	}
}

func TestConnectionErrorsAreDescribedByTheirClass(t *testing.T) {
	t.Parallel()
	request := func(err error) error { return &url.Error{Op: "Get", URL: "https://" + secret, Err: err} }
	for name, test := range map[string]struct {
		err       error
		described string
	}{
		"refused":       {request(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "refused the connection"},
		"reset":         {request(syscall.ECONNRESET), "closed the connection"},
		"no such host":  {request(&net.DNSError{Name: secret, Err: "no such host"}), "cannot be resolved"},
		"timeout":       {request(context.DeadlineExceeded), "did not respond in time"},
		"untrusted":     {request(x509.UnknownAuthorityError{}), "not trusted by the kubeconfig"},
		"anything else": {request(errors.New(secret)), "cannot be parsed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(remote.Describe(test.err)).To(ContainSubstring(test.described))
			g.Expect(remote.Describe(test.err)).NotTo(ContainSubstring(secret))
		})
	}
}

func TestErrorsAsFindsTheErrorBehindASafeOne(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(remote.Safe(nil)).To(Succeed())
	g.Expect(remote.Describe(nil)).To(BeEmpty())
	missing := apierrors.NewNotFound(schema.GroupResource{Resource: "services"}, "envoy")
	err := remote.Safe(fmt.Errorf("reading: %w", missing))
	g.Expect(apierrors.IsNotFound(err)).To(BeTrue())
	g.Expect(err).To(MatchError(`services "envoy" not found`))
	wrapped := remote.Safe(fmt.Errorf("listing: %w", remote.Safe(&url.Error{Op: "Get", URL: secret, Err: context.DeadlineExceeded})))
	g.Expect(wrapped).To(MatchError("API server did not respond in time"))
	g.Expect(wrapped).To(MatchError(context.DeadlineExceeded))
}

func TestATimeoutOfTheTransportIsDescribed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server := hostile.New(t, nil)
	server.Override("", "/*", hostile.Hang())
	config := server.Config()
	config.Timeout = 100 * time.Millisecond
	config.RateLimiter = nil
	client, err := rest.HTTPClientFor(config)
	g.Expect(err).NotTo(HaveOccurred())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL()+"/api", nil)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = client.Do(request) //nolint:bodyclose // There is no response.
	g.Expect(remote.Describe(err)).To(Equal("API server did not respond in time"))
}
