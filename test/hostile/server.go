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
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	// Token is the bearer token of the server's own kubeconfig.
	Token = "hostile-server-token"
	// Watch is the verb of a GET that starts a watch.
	Watch = "WATCH"
	// maxRequests limits the recorded requests, because a client may retry in a loop.
	maxRequests = 10_000
)

// Request is a request that the server received.
type Request struct {
	// Verb is the method, or Watch.
	Verb string
	// Path is the path without the query.
	Path string
	// Query is the raw query.
	Query string
	// Authorization is the header Authorization, or empty.
	Authorization string
	// UserAgent is the header User-Agent. It distinguishes the clients of one server.
	UserAgent string
}

// Server is an API server with overridden responses. It is safe for concurrent use.
type Server struct {
	server *httptest.Server

	mu        sync.Mutex
	overrides []override
	requests  []Request
}

type override struct {
	verb, path string
	handler    http.Handler
}

// New starts a server that forwards every request to the API server of a configuration, with its
// credentials. If the configuration is nil, it responds with a Status 404. The server ends with the
// test.
func New(t testing.TB, behind *rest.Config) *Server {
	t.Helper()
	next := http.Handler(Status(http.StatusNotFound, "NotFound", "not found"))
	if behind != nil {
		proxy, err := newProxy(behind)
		if err != nil {
			t.Fatalf("Starting a hostile API server: %v", err)
		}
		next = proxy
	}
	s := &Server{}
	ctx, cancel := context.WithCancel(context.Background())
	s.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler := s.receive(r); handler != nil {
			handler.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	}))
	s.server.EnableHTTP2 = true
	// The server logs each aborted response by default.
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	stop := context.AfterFunc(ctx, s.server.CloseClientConnections)
	s.server.Config.Handler = endWith(ctx, s.server.Config.Handler)
	s.server.StartTLS()
	t.Cleanup(func() {
		cancel()
		stop()
		s.server.CloseClientConnections()
		s.server.Close()
	})
	return s
}

// endWith cancels the context of every request once ctx is done, too.
func endWith(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestContext, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		next.ServeHTTP(w, r.WithContext(requestContext))
	})
}

func newProxy(behind *rest.Config) (http.Handler, error) {
	transport, err := rest.TransportFor(behind)
	if err != nil {
		return nil, fmt.Errorf("connecting to the API server behind: %w", err)
	}
	target, err := url.Parse(behind.Host)
	if err != nil {
		return nil, fmt.Errorf("parsing the address of the API server behind: %w", err)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Authorization")
		},
		Transport:     transport,
		FlushInterval: -1, // Forward each event of a watch immediately.
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}, nil
}

// URL returns the server's https URL on loopback.
func (s *Server) URL() string { return s.server.URL }

// CA returns the server's certificate in PEM.
func (s *Server) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
}

// Config returns a client configuration for the server with Token.
func (s *Server) Config() *rest.Config {
	return &rest.Config{Host: s.URL(), BearerToken: Token, TLSClientConfig: rest.TLSClientConfig{CAData: s.CA()}}
}

// Kubeconfig returns a kubeconfig for the server with Token. The changes are applied to it. Its
// cluster, user and context have the name "hostile".
func (s *Server) Kubeconfig(changes ...func(*clientcmdapi.Config)) []byte {
	const name = "hostile"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: s.URL(), CertificateAuthorityData: s.CA()}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: Token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	for _, change := range changes {
		change(config)
	}
	data, err := clientcmd.Write(*config)
	if err != nil {
		panic(err) // All fields can be encoded.
	}
	return data
}

// Override handles requests with a handler instead of forwarding them. The verb is a method, Watch,
// or empty for all of them; GET does not include Watch. A path that ends with "*" matches all paths
// with that prefix. If several overrides match, the latest applies. A nil handler removes the
// override of the same verb and path.
func (s *Server) Override(verb, path string, handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overrides = slices.DeleteFunc(s.overrides, func(o override) bool { return o.verb == verb && o.path == path })
	if handler != nil {
		s.overrides = append(s.overrides, override{verb: verb, path: path, handler: handler})
	}
}

// Behave removes all overrides.
func (s *Server) Behave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overrides = nil
}

// Requests returns the latest 10,000 received requests, the oldest first.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Disconnect closes all connections. Clients may reconnect.
func (s *Server) Disconnect() { s.server.CloseClientConnections() }

// receive records a request. It returns the handler of the matching override, or nil.
func (s *Server) receive(r *http.Request) http.Handler {
	verb := r.Method
	if watch := r.URL.Query().Get("watch"); verb == http.MethodGet && (watch == "true" || watch == "1") {
		verb = Watch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == maxRequests {
		s.requests = slices.Delete(s.requests, 0, maxRequests/2)
	}
	s.requests = append(s.requests, Request{
		Verb: verb, Path: r.URL.Path, Query: r.URL.RawQuery, Authorization: r.Header.Get("Authorization"),
		UserAgent: r.UserAgent(),
	})
	for _, o := range slices.Backward(s.overrides) {
		prefix, isPrefix := strings.CutSuffix(o.path, "*")
		if (o.verb == "" || o.verb == verb) && (o.path == r.URL.Path || isPrefix && strings.HasPrefix(r.URL.Path, prefix)) {
			return o.handler
		}
	}
	return nil
}
