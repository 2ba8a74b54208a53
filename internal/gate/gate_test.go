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

package gate_test

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/gate"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

func parse(t *testing.T, address string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(address)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return parsed
}

// clientThrough returns a client that follows redirects and checks no certificates, as clustercache's does at worst.
func clientThrough(t *testing.T, proxyURL string) *http.Client {
	t.Helper()
	client, err := rest.HTTPClientFor(&rest.Config{
		Host: "https://ignored", BearerToken: hostile.Token, Proxy: http.ProxyURL(parse(t, proxyURL)), DisableCompression: true,
		TLSClientConfig: rest.TLSClientConfig{Insecure: true}, Timeout: 20 * time.Second,
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return client
}

func read(t *testing.T, client *http.Client, address string) (int, int64, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	response, err := client.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	return response.StatusCode, n, err
}

func newGate(t *testing.T) *gate.Gate {
	t.Helper()
	g, err := gate.Listen(t.Context())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return g
}

func TestAPassLeadsToItsServerAndNowhereElse(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, elsewhere := hostile.New(t, nil), hostile.New(t, nil)
	for _, s := range []*hostile.Server{server, elsewhere} {
		s.Override("", "/ok", hostile.Text(http.StatusOK, "text/plain", "ok"))
	}
	server.Override("", "/redirect", hostile.RedirectTo(elsewhere.URL()+"/ok"))
	plain := parse(t, elsewhere.URL())
	plain.Scheme = "http"
	server.Override("", "/plain", hostile.RedirectTo(plain.String()+"/ok"))
	through := newGate(t)
	client := clientThrough(t, through.Issue("a", parse(t, server.URL()), nil))

	code, n, err := read(t, client, server.URL()+"/ok")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(http.StatusOK))
	g.Expect(n).To(Equal(int64(2)))
	_, _, err = read(t, client, server.URL()+"/redirect")
	g.Expect(err).To(HaveOccurred())
	code, _, err = read(t, client, server.URL()+"/plain")
	g.Expect(err != nil || code == http.StatusForbidden).To(BeTrue(), "%d %v", code, err)
	g.Expect(elsewhere.Requests()).To(BeEmpty())
}

func TestAPassIsASecretThatEnds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, other := hostile.New(t, nil), hostile.New(t, nil)
	through := newGate(t)
	first := through.Issue("a", parse(t, server.URL()), nil)
	g.Expect(through.Issue("a", parse(t, server.URL()), nil)).To(Equal(first), "the same kubeconfig read again")
	g.Expect(through.Issue("b", parse(t, server.URL()), nil)).NotTo(Equal(first))
	second := through.Issue("a", parse(t, other.URL()), nil)
	g.Expect(second).NotTo(Equal(first))
	_, _, err := read(t, clientThrough(t, first), server.URL()+"/ok")
	g.Expect(err).To(HaveOccurred())
	guessed := parse(t, second)
	guessed.User = url.UserPassword("gate", "guess")
	_, _, err = read(t, clientThrough(t, guessed.String()), other.URL()+"/ok")
	g.Expect(err).To(HaveOccurred())
	guessed.User = nil
	_, _, err = read(t, clientThrough(t, guessed.String()), other.URL()+"/ok")
	g.Expect(err).To(HaveOccurred())
	g.Expect(server.Requests()).To(BeEmpty())
	g.Expect(other.Requests()).To(BeEmpty())
}

func TestAServerSendsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server, quiet := hostile.New(t, nil), hostile.New(t, nil)
	server.Override("", "/", hostile.Body(http.StatusOK, "text/plain", -1))
	quiet.Override("", "/", hostile.Body(http.StatusOK, "text/plain", 1<<20))
	through := newGate(t)
	_, n, err := read(t, clientThrough(t, through.Issue("a", parse(t, server.URL()), nil)), server.URL()+"/")
	g.Expect(err).To(HaveOccurred())
	g.Expect(n).To(BeNumerically("<", 3<<20))
	_, n, err = read(t, clientThrough(t, through.Issue("b", parse(t, quiet.URL()), nil)), quiet.URL()+"/")
	g.Expect(err).NotTo(HaveOccurred(), "what one server sends is not counted for another")
	g.Expect(n).To(Equal(int64(1 << 20)))
}

func TestTheProxyOfAKubeconfigIsBehindTheGate(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server := hostile.New(t, nil)
	server.Override("", "/ok", hostile.Text(http.StatusOK, "text/plain", "ok"))
	behind := newGate(t) // It is an HTTP proxy that asks for a password.
	proxy := parse(t, behind.Issue("a", parse(t, server.URL()), nil))
	through := newGate(t)
	client := clientThrough(t, through.Issue("a", parse(t, server.URL()), proxy))
	code, _, err := read(t, client, server.URL()+"/ok")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(code).To(Equal(http.StatusOK))
	found, err := through.Behind("a")(nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(Equal(proxy))
	g.Expect(through.Behind("b")).To(BeNil())

	proxy.User = nil
	_, _, err = read(t, clientThrough(t, through.Issue("a", parse(t, server.URL()), proxy)), server.URL()+"/ok")
	g.Expect(err).To(HaveOccurred(), "the proxy was not asked")
}
