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

package reach

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// prober probes targets over the network. Each probe has a connection of its own and one timeout for
// all of its steps. It looks up no name and uses no proxy.
type prober struct {
	judge netaddr.Judge
}

// probe returns nil if the target is alive: it accepts a connection, and for HTTP and HTTPS it
// responds with a status below 500.
func (p prober) probe(ctx context.Context, t Target) error {
	address := t.Address.Unmap()
	if reason := p.judge.Refuse(address); reason != "" {
		return &failure{Failed, "the address is " + reason}
	}
	return dial(ctx, netip.AddrPortFrom(address, t.Check.Port), t.Check)
}

func dial(ctx context.Context, address netip.AddrPort, check failover.HealthCheck) error {
	ctx, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", address.String())
	if err != nil {
		return classify(err, Failed)
	}
	defer conn.Close()
	if tcp, ok := conn.(*net.TCPConn); ok {
		// A reset leaves no TIME_WAIT here and no entry for two minutes in the connection tracking
		// of the nodes. HAProxy ends its health checks in the same way.
		if err := tcp.SetLinger(0); err != nil {
			return classify(err, Failed)
		}
	}
	if check.Protocol == failover.TCP {
		return nil
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return classify(err, Failed)
		}
	}
	if check.Protocol == failover.HTTPS {
		secured := tls.Client(conn, &tls.Config{
			ServerName: check.Host,
			// The question is whether the gateway works. The clients check its certificate.
			InsecureSkipVerify: true, //nolint:gosec // See above.
		})
		if err := secured.HandshakeContext(ctx); err != nil {
			return classify(err, BadHandshake)
		}
		conn = secured
	}
	return get(conn, check.Host, check.Path)
}

// statusLength is the number of bytes that are read of a response. The rest does not matter.
const statusLength = len("HTTP/1.1 200")

// get sends a request and reads the start of the status line (RFC 9112, section 4). A redirect is
// not followed: its status is below 500.
func get(conn io.ReadWriter, host, path string) error {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: xcc-dns-server\r\nAccept: */*\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(conn, request); err != nil {
		return classify(err, BadResponse)
	}
	var line [statusLength]byte
	switch _, err := io.ReadFull(conn, line[:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return &failure{BadResponse, "the connection ended before a response"}
	case err != nil:
		return classify(err, BadResponse)
	}
	version, number, _ := strings.Cut(string(line[:]), " ")
	status, err := strconv.ParseUint(number, 10, 16)
	switch {
	case !strings.HasPrefix(version, "HTTP/1.") || err != nil || status < 100:
		return &failure{BadResponse, "the response is not HTTP/1"}
	case status >= 500:
		return &failure{BadStatus, fmt.Sprintf("status %d", status)}
	}
	return nil
}
