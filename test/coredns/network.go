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

package coredns

import (
	"context"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

// exchangeTimeout is much longer than an answer takes on a busy machine.
const exchangeTimeout = 30 * time.Second

// inNamespace is the environment variable of Isolated's child process.
const inNamespace = "XCC_TEST_IN_USER_NAMESPACE"

// Isolated returns whether the process may create network namespaces. If it may not, Isolated runs
// only the calling test in a child process that may, and fails the test if the child fails.
func Isolated(t *testing.T) bool {
	t.Helper()
	if os.Geteuid() == 0 {
		return true
	}
	g := NewWithT(t)
	g.Expect(os.Getenv(inNamespace)).To(BeEmpty(), "the child is root in its user namespace")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), inNamespace+"=1")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
	}
	output, err := child.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	return false
}

// Network is a network namespace. It ends with its test.
type Network struct {
	// work are functions to run on a thread in the namespace. Sockets and processes that they
	// create are in the namespace.
	work chan func()
}

// NewNetwork returns a network with the local addresses of the package comment.
func NewNetwork(t *testing.T) *Network {
	t.Helper()
	n := &Network{work: make(chan func())}
	entered := make(chan error)
	go func() {
		// It stays locked, so the runtime ends the thread with the goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = addAddresses()
		}
		entered <- err
		for f := range n.work {
			f()
		}
	}()
	t.Cleanup(func() { close(n.work) })
	NewWithT(t).Expect(<-entered).To(Succeed())
	return n
}

// addAddresses adds a prefix to the loopback device for each address. The address's class
// determines the length of the prefix. All addresses of a prefix on this device are local.
func addAddresses() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	for name, address := range map[string]net.IP{
		"lo": net.IPv4(127, 0, 0, 1), "lo:1": net.IPv4(10, 0, 0, 1), "lo:2": net.IPv4(169, 254, 0, 1), "lo:3": net.IPv4(192, 0, 2, 1),
	} {
		request, err := unix.NewIfreq(name)
		if err != nil {
			return os.NewSyscallError("ifreq", err)
		}
		if err := request.SetInet4Addr(address.To4()); err != nil {
			return os.NewSyscallError("ifreq", err)
		}
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, request); err != nil {
			return os.NewSyscallError("SIOCSIFADDR", err)
		}
		request.SetUint16(unix.IFF_UP | unix.IFF_LOOPBACK | unix.IFF_RUNNING)
		if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
			return os.NewSyscallError("SIOCSIFFLAGS", err)
		}
	}
	return nil
}

// Do runs f in the network and waits for it. Goroutines that f starts run outside.
func (n *Network) Do(f func()) {
	done := make(chan struct{})
	n.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// Listen opens a UDP and a TCP socket at an address of the network. CoreDNS can still listen on all
// addresses of the same port.
func (n *Network) Listen(t *testing.T, address string) (net.PacketConn, net.Listener) {
	t.Helper()
	var udp net.PacketConn
	var tcp net.Listener
	var udpErr, tcpErr error
	n.Do(func() {
		config := net.ListenConfig{Control: reusePort}
		udp, udpErr = config.ListenPacket(t.Context(), "udp", address)
		tcp, tcpErr = config.Listen(t.Context(), "tcp", address)
	})
	g := NewWithT(t)
	g.Expect(udpErr).NotTo(HaveOccurred())
	g.Expect(tcpErr).NotTo(HaveOccurred())
	return udp, tcp
}

func reusePort(_, _ string, conn syscall.RawConn) error {
	var set error
	err := conn.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return os.NewSyscallError("setsockopt", set)
}

// Serve handles DNS queries to an address of the network until the test ends.
func (n *Network) Serve(t *testing.T, address string, handler dns.Handler) {
	t.Helper()
	udp, tcp := n.Listen(t, address)
	for _, server := range []*dns.Server{{PacketConn: udp, Handler: handler}, {Listener: tcp, Handler: handler}} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = server.ActivateAndServe()
		}()
		t.Cleanup(func() {
			_ = server.ShutdownContext(context.WithoutCancel(t.Context()))
			_ = udp.Close()
			_ = tcp.Close()
			<-ended
		})
	}
}

// Exchange sends one query from a new port, over "udp" or "tcp", and returns the response.
func (n *Network) Exchange(address, transport string, query *dns.Msg) (*dns.Msg, error) {
	var response *dns.Msg
	var err error
	n.Do(func() {
		response, _, err = (&dns.Client{Net: transport, Timeout: exchangeTimeout}).Exchange(query, address)
	})
	return response, err
}
