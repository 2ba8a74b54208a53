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

package httpserver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxHeader is the limit of the request line and the header, in bytes. A probe of the kubelet
	// has about 120, a scrape of Prometheus 400, and a bearer token 1,500.
	MaxHeader = 4 << 10
	// MaxConnections is the limit of connections. Each uses at most 30 kB besides its response.
	MaxConnections = 64
	// MaxPerSource is the limit of connections from one address. The kubelet, Prometheus and a
	// user's curl need one each.
	MaxPerSource = 8
	// MaxInFlight is the limit of requests that are handled concurrently. Further requests wait for
	// a slot.
	MaxInFlight = 8

	// headerTimeout is how long a client may take to send a header.
	headerTimeout = 3 * time.Second
	// maxWait is how long a request waits for a slot. It is the timeout of the kubelet's probes in
	// our Deployments.
	maxWait = 2 * time.Second
	// writeTimeout limits handling a request and writing the response together.
	writeTimeout = 10 * time.Second
	// idleTimeout is how long a connection may be idle. Prometheus scrapes every 15 to 60 seconds,
	// and opens another connection if needed.
	idleTimeout = 20 * time.Second
	// closeTimeout is how long a client may take to acknowledge the end of the response.
	closeTimeout = time.Second

	// readBuffer and writeBuffer are the sizes of a socket's buffers, in bytes. The kernel doubles
	// them for its own overhead. Its defaults are megabytes.
	readBuffer  = 8 << 10
	writeBuffer = 32 << 10

	// headerSlop is how many bytes net/http reads of a header beyond http.Server.MaxHeaderBytes.
	headerSlop = 4 << 10
)

// Server serves HTTP on one address.
type Server struct {
	server *http.Server
	// listener is a limitedListener, or TLS on top of one.
	listener net.Listener
}

// ListenTLS is Listen for HTTPS. It serves only HTTP/1.1: the streams of an HTTP/2 connection would
// bypass the limits.
func ListenTLS(ctx context.Context, address string, handler http.Handler, config *tls.Config) (*Server, error) {
	server, err := Listen(ctx, address, handler)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"}
	server.listener = tls.NewListener(server.listener, config)
	return server, nil
}

// Listen binds an address of the form [host]:port. Without a host, it binds all IPv4 and IPv6
// addresses.
func Listen(ctx context.Context, address string, handler http.Handler) (*Server, error) {
	// Accepted connections inherit the buffers of the listening socket.
	config := net.ListenConfig{Control: limitBuffers, KeepAlive: -1}
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &Server{
		listener: newLimitedListener(listener.(*net.TCPListener)),
		server: &http.Server{
			Protocols:         protocols,
			Handler:           limitInFlight(handler, maxWait),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       headerTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			// net/http takes zero as its default of 1 MB.
			MaxHeaderBytes: max(1, MaxHeader-headerSlop),
			ConnContext:    withConn,
		},
	}, nil
}

func limitBuffers(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		// The errors are ignored: the kernel may also silently grant less.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, readBuffer)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, writeBuffer)
	})
}

// Addr returns the bound address.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Parts returns the server and its listener for a caller that runs them itself, such as
// controller-runtime. The limits hold only if both are used together.
func (s *Server) Parts() (*http.Server, net.Listener) { return s.server, s.listener }

// Serve serves until Shutdown or Close is called, and then returns nil.
func (s *Server) Serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown closes the listener, and waits for the requests in flight until the context is done.
func (s *Server) Shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }

// Close closes the listener and every connection. It also frees the address if Serve was never
// called.
func (s *Server) Close() error {
	return errors.Join(s.server.Close(), ignoreClosed(s.listener.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// limitInFlight limits the requests that are handled concurrently, and marks their connections as
// busy.
func limitInFlight(handler http.Handler, wait time.Duration) http.Handler {
	slots := make(chan struct{}, MaxInFlight)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn := connOf(r.Context()); conn != nil {
			conn.busy.Store(true)
			defer conn.busy.Store(false)
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			handler.ServeHTTP(w, r)
		case <-r.Context().Done():
		case <-timer.C:
			http.Error(w, "too many requests in flight", http.StatusServiceUnavailable)
		}
	})
}
