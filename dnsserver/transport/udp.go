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

package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// UDPServer serves several sockets of one address. The kernel divides the clients between them.
type UDPServer struct {
	sockets  []*udpSocket
	stopping atomic.Bool
}

// ListenUDP binds so many sockets to an address, in the form [host]:port. Without a host they serve
// IPv4 and IPv6. A single socket does not share the address. Several sockets share it with each
// other, and with other processes of the same user that set SO_REUSEPORT.
func ListenUDP(ctx context.Context, address string, sockets int, handler Handler) (*UDPServer, error) {
	s := &UDPServer{}
	waiting := newWaiters(handler)
	var config net.ListenConfig
	if sockets > 1 {
		// With SO_REUSEPORT the kernel selects a socket for each packet. A single socket avoids
		// that cost.
		config.Control = reusePort
	}
	for range sockets {
		conn, err := config.ListenPacket(ctx, "udp", address)
		if err != nil {
			s.Close()
			return nil, err
		}
		// If the kernel chose the port, the other sockets use the same.
		address = conn.LocalAddr().String()
		socket, err := newUDPSocket(conn.(*net.UDPConn), handler, waiting)
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("preparing the socket %s: %w", address, err)
		}
		s.sockets = append(s.sockets, socket)
	}
	return s, nil
}

func reusePort(_, _ string, conn syscall.RawConn) error {
	var err error
	if failed := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}); failed != nil {
		return failed
	}
	return err
}

// Addr returns the bound address.
func (s *UDPServer) Addr() net.Addr { return s.sockets[0].udp.LocalAddr() }

// Counters returns the counters of each socket.
func (s *UDPServer) Counters() []*query.Counters {
	counters := make([]*query.Counters, 0, len(s.sockets))
	for _, socket := range s.sockets {
		counters = append(counters, &socket.counters)
	}
	return counters
}

// Serve answers queries until Shutdown, or until a socket fails.
func (s *UDPServer) Serve() error {
	ended := make(chan error, len(s.sockets))
	for _, socket := range s.sockets {
		go func() { ended <- socket.serve(&s.stopping) }()
	}
	var errs []error
	for range s.sockets {
		err := <-ended
		errs = append(errs, err)
		if err != nil {
			s.Close()
		}
	}
	return errors.Join(errs...)
}

// Shutdown answers the queries that have arrived and closes the sockets. It stops early if the
// context ends.
func (s *UDPServer) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	var ending sync.WaitGroup
	for _, socket := range s.sockets {
		ending.Go(func() { socket.shutdown() })
	}
	answered := make(chan struct{})
	go func() { ending.Wait(); close(answered) }()
	defer s.Close()
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes all sockets at once.
func (s *UDPServer) Close() {
	for _, socket := range s.sockets {
		_ = socket.udp.Close()
	}
}
