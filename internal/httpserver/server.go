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
	// MaxHeader is how many octets the request line and the header may have. A probe of kubelet has 120, a scrape of
	// Prometheus 400, and a bearer token 1,500.
	MaxHeader = 4 << 10
	// MaxConnections is how many connections there may be. One takes 30 kB at most besides its response.
	MaxConnections = 64
	// MaxPerSource is how many of those may come from one address. kubelet, Prometheus and a person's curl need one
	// each.
	MaxPerSource = 8
	// MaxInFlight is how many requests are handled at a time. Others wait for their turn.
	MaxInFlight = 8

	// headerTimeout is how long a client may take to send a header, and maxWait is how long a request may wait for
	// its turn. kubelet gives its probes 2 seconds here.
	headerTimeout = 3 * time.Second
	maxWait       = 2 * time.Second
	// writeTimeout is how long handling a request and writing the response may take together.
	writeTimeout = 10 * time.Second
	// idleTimeout is how long a connection may wait for its next request. Prometheus scrapes every 15 to 60 seconds,
	// and opens another connection where it has to.
	idleTimeout = 20 * time.Second
	// closeTimeout is how long a client may take to acknowledge the end of a response.
	closeTimeout = time.Second

	// readBuffer and writeBuffer are how many octets may wait in a connection. The kernel doubles them for its own
	// overhead, and takes megabytes by default.
	readBuffer  = 8 << 10
	writeBuffer = 32 << 10

	// headerSlop is how many octets net/http reads of a header beyond http.Server.MaxHeaderBytes.
	headerSlop = 4 << 10
)

// Server serves HTTP at one address.
type Server struct {
	server *http.Server
	// listener is a limitedListener, or TLS on top of one.
	listener net.Listener
}

// ListenTLS is Listen for HTTPS. It serves HTTP/1.1 only: the limits of connections and requests do not fit the
// streams of HTTP/2.
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

// Listen binds an address, as [host]:port. Without a host it takes IPv4 and IPv6.
func Listen(ctx context.Context, address string, handler http.Handler) (*Server, error) {
	// Connections inherit the buffers before they are accepted.
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
			// Zero would be the default of 1 MB.
			MaxHeaderBytes: max(1, MaxHeader-headerSlop),
			ConnContext:    withConn,
		},
	}, nil
}

func limitBuffers(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		// The kernel may grant less, and it is no use to tell.
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, readBuffer)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, writeBuffer)
	})
}

// Addr returns the address that is bound.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Parts returns the server and its listener, for a caller that runs and ends them itself. The limits hold only for
// the two together.
func (s *Server) Parts() (*http.Server, net.Listener) { return s.server, s.listener }

// Serve serves until Shutdown or Close, and then returns nil.
func (s *Server) Serve() error {
	if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown closes the listener and lets the requests in flight be answered, until the context is done.
func (s *Server) Shutdown(ctx context.Context) error { return s.server.Shutdown(ctx) }

// Close closes the listener and every connection. It frees the address of a server that never serves, too.
func (s *Server) Close() error {
	return errors.Join(s.server.Close(), ignoreClosed(s.listener.Close()))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// limitInFlight bounds the requests that are handled at a time, and tells the listener which connections wait for one.
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
