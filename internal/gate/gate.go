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

package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

const (
	// burst is how many bytes a server may send at once. A handshake, the health probe and the kinds of the core
	// group are below 50 kB, and a client that reads them into memory needs about twice their size.
	burst = 2 << 20
	// perSecond is how many bytes per second it may send in the long run: a probe every 10 seconds is below 1 kB/s.
	perSecond = 32 << 10
	// timeout is how long connecting may take, as in clustercache.
	timeout = 10 * time.Second
	// copyBytes is how much is passed on at a time.
	copyBytes = 16 << 10
)

// Gate is a proxy on loopback. It is safe for concurrent use.
type Gate struct {
	address string

	mu     sync.Mutex
	passes map[string]*pass
	tokens map[string]string
}

// pass is the permission of the holder of a token.
type pass struct {
	holder, server string
	// proxy is the proxy behind the Gate; nil for that of the environment, if it has one.
	proxy   *url.URL
	limiter *rate.Limiter
}

// Listen returns a Gate that serves until the context ends.
func Listen(ctx context.Context) (*Gate, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	g := &Gate{address: listener.Addr().String(), passes: map[string]*pass{}, tokens: map[string]string{}}
	server := &http.Server{
		Handler: g, ReadHeaderTimeout: timeout, MaxHeaderBytes: copyBytes, ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }() // It ends with the context.
	return g, nil
}

// Issue returns the proxy-url by which a holder, such as a cluster, reaches its server through the Gate. The proxy is
// its own, nil without one. It revokes a pass of the holder for another server or proxy.
func (g *Gate) Issue(holder string, server, proxy *url.URL) string {
	next := &pass{holder: holder, server: hostPort(server), proxy: proxy, limiter: rate.NewLimiter(perSecond, burst)}
	g.mu.Lock()
	defer g.mu.Unlock()
	token, ok := g.tokens[holder]
	if !ok || !g.passes[token].is(next) {
		delete(g.passes, token)
		token = rand.Text()
		g.tokens[holder], g.passes[token] = token, next
	}
	return (&url.URL{Scheme: "http", Host: g.address, User: url.UserPassword("gate", token)}).String()
}

// Revoke ends the pass of a holder that is gone.
func (g *Gate) Revoke(holder string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.passes, g.tokens[holder])
	delete(g.tokens, holder)
}

// Behind returns the Proxy of a rest.Config that reaches the holder's server without the Gate; nil for no proxy.
func (g *Gate) Behind(holder string) func(*http.Request) (*url.URL, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if current := g.passes[g.tokens[holder]]; current != nil && current.proxy != nil {
		return http.ProxyURL(current.proxy)
	}
	return nil
}

func (p *pass) is(other *pass) bool {
	same := p.proxy == other.proxy || p.proxy != nil && other.proxy != nil && *p.proxy == *other.proxy
	return same && p.server == other.server
}

// ServeHTTP connects the client to the server of its pass.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	current := g.passOf(r)
	switch {
	case current == nil:
		http.Error(w, "no pass", http.StatusProxyAuthRequired)
		return
	case r.Method != http.MethodConnect || !strings.EqualFold(r.Host, current.server):
		http.Error(w, "the pass is for another server", http.StatusForbidden)
		return
	}
	server, err := dial(r.Context(), current.proxy, r.Host)
	if err != nil {
		// The client is told no reason that it could repeat.
		klog.FromContext(r.Context()).Info("Failed to connect", "holder", current.holder, "reason", remote.Describe(err))
		http.Error(w, "the server cannot be reached", http.StatusBadGateway)
		return
	}
	defer server.Close()
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer client.Close()
	defer context.AfterFunc(r.Context(), func() { _ = client.Close(); _ = server.Close() })()
	_ = client.SetDeadline(time.Time{}) // That of the header.
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	go func() {
		// The bytes that the client sent with its header come first.
		_, _ = io.Copy(server, io.MultiReader(io.LimitReader(buffered, int64(buffered.Reader.Buffered())), client))
		_ = server.Close()
	}()
	if err := current.receive(client, server); errors.Is(err, errTooMuch) {
		klog.FromContext(r.Context()).Info("Ended a connection whose server sent too much", "holder", current.holder)
	}
}

var errTooMuch = errors.New("the server sent too much")

// receive passes the bytes of the server on, until they exceed the rate.
func (p *pass) receive(client, server net.Conn) error {
	buffer := make([]byte, copyBytes)
	for {
		n, err := server.Read(buffer)
		if n > 0 {
			if !p.limiter.AllowN(time.Now(), n) {
				return errTooMuch
			}
			if _, err := client.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

func (g *Gate) passOf(r *http.Request) *pass {
	_, token, ok := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth()
	if !ok {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.passes[token]
}

// hostPort returns the host and port that an HTTP client asks a proxy to connect to for a server.
func hostPort(server *url.URL) string {
	port := server.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(server.Hostname(), port)
}
