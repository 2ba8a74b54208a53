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

package wire

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
)

const (
	// batchSize is how many packets are read and written at a time.
	batchSize = 64
	// socketBuffer is how many octets may wait in a socket, of which the kernel may grant less. Clients send in bursts.
	socketBuffer = 4 << 20
	// discardPort is that of a service that sends nothing (RFC 863).
	discardPort = 9
	// maxWaiting is how many queries may wait for the target of an alias. Others fail at once.
	maxWaiting = 1000
)

// UDPServer answers on several sockets of one address, between which the kernel divides the clients.
type UDPServer struct {
	handler  *Handler
	sockets  []*udpSocket
	stopping atomic.Bool
}

// ListenUDP binds this many sockets to an address, as [host]:port. Without a host they take IPv4 and IPv6. One socket has the address
// alone; several share it with each other, and with other processes of the user that do the same (SO_REUSEPORT).
func ListenUDP(ctx context.Context, address string, sockets int, handler *Handler) (*UDPServer, error) {
	s := &UDPServer{handler: handler}
	waiting := make(chan struct{}, maxWaiting)
	var config net.ListenConfig
	if sockets > 1 {
		// One socket does without, or the kernel would look for others with each query.
		config.Control = reusePort
	}
	for range sockets {
		conn, err := config.ListenPacket(ctx, "udp", address)
		if err != nil {
			s.Close()
			return nil, err
		}
		// Where the port was left to the kernel, the others take the same.
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

// Addr returns the address that is bound.
func (s *UDPServer) Addr() net.Addr { return s.sockets[0].udp.LocalAddr() }

// Counters returns those of each socket.
func (s *UDPServer) Counters() []*Counters {
	counters := make([]*Counters, 0, len(s.sockets))
	for _, socket := range s.sockets {
		counters = append(counters, &socket.counters)
	}
	return counters
}

// Serve answers until Shutdown, or until a socket fails.
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

// Shutdown lets every query that has arrived be answered, until the context is done.
func (s *UDPServer) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	var ending sync.WaitGroup
	for _, socket := range s.sockets {
		ending.Go(func() { socket.end() })
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

// Close ends everything at once.
func (s *UDPServer) Close() {
	for _, socket := range s.sockets {
		_ = socket.udp.Close()
	}
}

// udpSocket is one socket and what one goroutine needs to serve it.
type udpSocket struct {
	handler  *Handler
	udp      *net.UDPConn
	counters Counters
	in       *inbox
	out      *outbox
	// ahead are the names of a batch, and name is where one is read.
	ahead zone.Batch
	name  [maxName]byte
	// responses is where those of a batch are written.
	responses [batchSize][]byte
	// waiting has an element for each query of any socket that waits.
	waiting chan struct{}
	// running are the goroutines of those that came over this socket.
	running sync.WaitGroup
	// drained is closed when nothing is read any more.
	drained chan struct{}
}

func newUDPSocket(udp *net.UDPConn, handler *Handler, waiting chan struct{}) (*udpSocket, error) {
	s := &udpSocket{handler: handler, udp: udp, counters: Counters{Transport: UDP}, waiting: waiting, drained: make(chan struct{})}
	// The kernel may grant less, and it is no use to tell.
	_ = udp.SetReadBuffer(socketBuffer)
	_ = udp.SetWriteBuffer(socketBuffer)
	controls, err := askForDestination(udp)
	if err != nil {
		return nil, err
	}
	conn, err := udp.SyscallConn()
	if err != nil {
		return nil, err
	}
	s.in, s.out = newInbox(conn, controls), newOutbox(conn, batchSize)
	for i := range s.responses {
		s.responses[i] = make([]byte, 0, maxUDP)
	}
	return s, nil
}

// askForDestination lets the kernel say which address of ours a query was sent to, where that is not known, because the
// response has to come from there. It returns how many octets that takes.
func askForDestination(udp *net.UDPConn) (int, error) {
	address := udp.LocalAddr().(*net.UDPAddr)
	switch {
	case !address.IP.IsUnspecified():
		return 0, nil
	case address.IP.To4() != nil:
		return unix.CmsgSpace(unix.SizeofInet4Pktinfo), ipv4.NewPacketConn(udp).SetControlMessage(ipv4.FlagDst, true)
	default:
		return unix.CmsgSpace(unix.SizeofInet6Pktinfo), ipv6.NewPacketConn(udp).SetControlMessage(ipv6.FlagDst, true)
	}
}

func (s *udpSocket) serve(stopping *atomic.Bool) error {
	defer close(s.drained)
	for {
		n, err := s.in.read(false)
		switch {
		case err == nil:
			s.answer(n)
		case stopping.Load():
			s.drain()
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		default:
			return err
		}
	}
}

// drain answers what waits in the socket.
func (s *udpSocket) drain() {
	_ = s.udp.SetReadDeadline(time.Time{})
	for {
		n, err := s.in.read(true)
		if err != nil || n == 0 {
			return
		}
		s.answer(n)
	}
}

// end lets nothing more come, answers what has come, and closes the socket.
func (s *udpSocket) end() {
	s.leave()
	_ = s.udp.SetReadDeadline(time.Now())
	<-s.drained
	s.running.Wait()
	_ = s.udp.Close()
}

// leave connects the socket to an address that nobody sends from. What has come stays, and the kernel gives what comes from now on
// to other sockets of the port, if there are any, also those of other processes, and not to one that nobody reads any more.
func (s *udpSocket) leave() {
	conn, err := s.udp.SyscallConn()
	if err != nil {
		return
	}
	var nobody unix.Sockaddr = &unix.SockaddrInet6{Port: discardPort, Addr: [16]byte(net.IPv6loopback)}
	if s.udp.LocalAddr().(*net.UDPAddr).IP.To4() != nil {
		nobody = &unix.SockaddrInet4{Port: discardPort, Addr: [4]byte{127, 0, 0, 1}}
	}
	// Where it fails the socket takes queries until it is closed.
	_ = conn.Control(func(fd uintptr) { _ = unix.Connect(int(fd), nobody) })
}

// answer answers the first messages of a batch.
func (s *udpSocket) answer(n int) {
	arrived := time.Now()
	if n > 1 {
		s.prefetch(n)
	}
	for i := range n {
		query := Query{Packet: s.in.packet(i), Transport: UDP, Client: s.in.client(i), Arrived: arrived}
		response, done := s.handler.Answer(s.responses[i][:0], query, &s.counters)
		s.responses[i] = response
		switch {
		case !done:
			s.wait(query, *s.in.client(i), slices.Clone(source(s.in.control(i))))
		case len(response) > 0:
			s.out.add(response, s.in.client(i), source(s.in.control(i)))
		}
	}
	answered := s.out.added
	s.write(s.out)
	s.counters.observe(time.Since(arrived), answered)
}

// prefetch lets the processor have at hand what the first messages of a batch ask for.
func (s *udpSocket) prefetch(n int) {
	snapshot := s.handler.Snapshot()
	if snapshot == nil {
		return
	}
	s.ahead.Clear()
	for i := range n {
		if size, _, ok := parsePlainName(s.in.packet(i), &s.name); ok {
			s.ahead.Add(s.name[:size])
		}
	}
	snapshot.Prefetch(&s.ahead)
}

// write sends what can be sent. Of the rest there is nobody to tell, and the client asks again.
func (s *udpSocket) write(out *outbox) {
	for range out.write() {
		s.counters.drop(NotSent)
	}
}

// wait answers a query that has to wait, beside all others.
func (s *udpSocket) wait(query Query, from client, control []byte) {
	query.Packet, query.Client = slices.Clone(query.Packet), &from
	send := func(response []byte) {
		out := newOutbox(s.out.conn, 1)
		out.add(response, &from, control)
		s.write(out)
		s.counters.observe(time.Since(query.Arrived), 1)
	}
	select {
	case s.waiting <- struct{}{}:
		s.running.Go(func() {
			defer func() { <-s.waiting }()
			send(s.handler.Wait(nil, query, &s.counters))
		})
	default:
		send(s.handler.GiveUp(nil, query, &s.counters))
	}
}

// source returns what makes the response to a query leave from the address that the query was sent to. The kernel says
// that in the form in which it takes it, with the interface besides, which routing decides again.
func source(control []byte) []byte {
	data := unix.CmsgLen(0)
	switch len(control) {
	case unix.CmsgSpace(unix.SizeofInet4Pktinfo):
		clear(control[data : data+4])
	case unix.CmsgSpace(unix.SizeofInet6Pktinfo):
		if !net.IP(control[data : data+net.IPv6len]).IsLinkLocalUnicast() {
			clear(control[data+net.IPv6len:])
		}
	}
	return control
}
