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
	// Watch is the verb of a GET that asks for a watch.
	Watch = "WATCH"
	// maxRequests bounds the record of requests: a client that retries in a loop does not fill the test's memory.
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
	// Authorization is the header of that name; empty without it.
	Authorization string
	// UserAgent is the header of that name, by which the clients of one server are told apart.
	UserAgent string
}

// Server is an API server that misbehaves where it was told to. It is safe for concurrent use.
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

// New starts a server that passes every request on to the API server of a configuration, with the credentials of that
// configuration. Without one it answers 404 with a Status. It ends with the test.
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
	// Otherwise each aborted answer is a line on the test's output.
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

// endWith ends the context of every request with another context, too.
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
		FlushInterval: -1, // Watches are passed on event by event.
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}, nil
}

// URL is the address of the server, https on loopback.
func (s *Server) URL() string { return s.server.URL }

// CA is the certificate that clients of the server trust, in PEM.
func (s *Server) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw})
}

// Config is an access to the server with Token.
func (s *Server) Config() *rest.Config {
	return &rest.Config{Host: s.URL(), BearerToken: Token, TLSClientConfig: rest.TLSClientConfig{CAData: s.CA()}}
}

// Kubeconfig is an access to the server with Token, changed as the changes say: they find cluster, user and context "hostile".
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
		panic(err) // It holds nothing that cannot be encoded.
	}
	return data
}

// Override answers requests with a handler instead of the API server behind. The verb is a method, Watch, or empty for all of them;
// GET is no Watch. A path that ends with "*" stands for all paths that begin like it. The latest of several overrides that
// match counts; a nil handler takes the override of the same verb and path away.
func (s *Server) Override(verb, path string, handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overrides = slices.DeleteFunc(s.overrides, func(o override) bool { return o.verb == verb && o.path == path })
	if handler != nil {
		s.overrides = append(s.overrides, override{verb: verb, path: path, handler: handler})
	}
}

// Behave takes all overrides away.
func (s *Server) Behave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overrides = nil
}

// Requests returns the requests that the server received, oldest first; of more than 10,000, the latest.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Disconnect ends all connections; clients may connect again.
func (s *Server) Disconnect() { s.server.CloseClientConnections() }

// receive records a request and returns what is to answer it, nil for the API server behind.
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
