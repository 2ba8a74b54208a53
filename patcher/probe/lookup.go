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

package probe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

const (
	defaultPort    = "53"
	defaultTimeout = 2 * time.Second
	// attempts and maxServers are those of the C library.
	attempts   = 2
	maxServers = 3
	// packetSize is what a resolver without EDNS can take (RFC 1035, section 4.2.1).
	packetSize = 512
)

// expected is what the DNS server answers.
var expected = netip.MustParseAddr(dnsname.ProbeAddress)

// result is how a lookup ended, as a label of a metric.
type result string

const (
	success      result = "success"
	timeout      result = "timeout"
	noAnswer     result = "no_answer"
	nxdomain     result = "nxdomain"
	refused      result = "refused"
	servfail     result = "servfail"
	wrongAnswer  result = "wrong_answer"
	noNameserver result = "no_nameserver"
)

func results() []result {
	return []result{success, timeout, noAnswer, nxdomain, refused, servfail, wrongAnswer, noNameserver}
}

// failure is why a lookup did not succeed.
type failure struct {
	result result
	text   string
	// final says that a stub resolver takes this for the answer and asks no further nameserver.
	final bool
}

func (f *failure) Error() string { return f.text }

func failed(result result, format string, args ...any) *failure {
	return &failure{result: result, text: fmt.Sprintf(format, args...)}
}

// resolver asks as a stub resolver does.
type resolver struct {
	path, port string
	timeout    time.Duration
}

func newResolver(options Options) resolver {
	r := resolver{path: options.ResolvConf, port: options.Port, timeout: options.Timeout}
	if r.port == "" {
		r.port = defaultPort
	}
	if r.timeout == 0 {
		r.timeout = defaultTimeout
	}
	return r
}

// check returns a failure unless the name, which is in the zone, has the address that the DNS server gives to probes.
func (r resolver) check(ctx context.Context, name, zone string) error {
	servers, err := Nameservers(r.path)
	if err != nil {
		return failed(noNameserver, "the Pod's nameservers are not known: %s", err)
	}
	if len(servers) == 0 {
		return failed(noNameserver, "%s names no nameserver; the Pod needs dnsPolicy ClusterFirst", r.path)
	}
	last := &failure{}
	var texts []string
	for _, server := range servers {
		err := r.ask(ctx, server, name, zone)
		if err == nil {
			return nil
		}
		if !errors.As(err, &last) {
			last = failed(noAnswer, "%s cannot be asked for names in %s: %s", server, zone, err)
		}
		texts = append(texts, last.text)
		if last.final {
			break
		}
	}
	return &failure{result: last.result, text: strings.Join(texts, "; ")}
}

// ask asks one nameserver, again if it does not answer.
func (r resolver) ask(ctx context.Context, server, name, zone string) error {
	var err error
	for range attempts {
		var response dnsmessage.Message
		response, err = r.exchange(ctx, server, name)
		if err == nil {
			return judge(response, server, zone)
		}
		if ctx.Err() != nil {
			return err
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return failed(timeout, "%s did not answer for a name in %s within %s, asked %d times: cluster DNS does not run, or this Pod cannot reach it",
			server, zone, r.timeout, attempts)
	}
	return failed(noAnswer, "%s cannot be asked for names in %s: %s", server, zone, withoutAddresses(err))
}

// withoutAddresses returns the cause without the address of this end, which is another one each time.
func withoutAddresses(err error) string {
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return operation.Err.Error()
	}
	return err.Error()
}

// judge returns a failure unless the response is what the DNS server answers.
func judge(response dnsmessage.Message, server, zone string) error {
	switch response.RCode {
	case dnsmessage.RCodeSuccess:
	case dnsmessage.RCodeNameError:
		f := failed(nxdomain, "NXDOMAIN from %s: it sends names in %s somewhere else than to the DNS server", server, zone)
		f.final = true
		return f
	case dnsmessage.RCodeRefused:
		return failed(refused, "REFUSED from %s: it serves no zone that contains %s", server, zone)
	case dnsmessage.RCodeServerFailure:
		return failed(servfail, "SERVFAIL from %s for a name in %s: it does not reach the DNS server, or that has not read its records yet", server, zone)
	default:
		return failed(noAnswer, "%s from %s for a name in %s", response.RCode, server, zone)
	}
	for _, answer := range response.Answers {
		if a, ok := answer.Body.(*dnsmessage.AResource); ok && netip.AddrFrom4(a.A) == expected {
			return nil
		}
	}
	f := failed(wrongAnswer, "%s does not answer %s for a probe in %s: somebody else answers for that zone", server, expected, zone)
	f.final = true
	return f
}

// exchange sends a query over UDP and returns the response to it.
func (r resolver) exchange(ctx context.Context, server, name string) (dnsmessage.Message, error) {
	question, err := newQuestion(name)
	if err != nil {
		return dnsmessage.Message{}, err
	}
	query := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(rand.Uint32()), RecursionDesired: true}, //nolint:gosec // The name is what cannot be guessed.
		Questions: []dnsmessage.Question{question},
	}
	packet, err := query.Pack()
	if err != nil {
		return dnsmessage.Message{}, err
	}
	dialer := net.Dialer{Timeout: r.timeout}
	connection, err := dialer.DialContext(ctx, "udp", net.JoinHostPort(server, r.port))
	if err != nil {
		return dnsmessage.Message{}, err
	}
	defer connection.Close()
	defer context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })()
	if err := connection.SetDeadline(time.Now().Add(r.timeout)); err != nil {
		return dnsmessage.Message{}, err
	}
	if _, err := connection.Write(packet); err != nil {
		return dnsmessage.Message{}, err
	}
	return receive(connection, query)
}

func newQuestion(name string) (dnsmessage.Question, error) {
	owner, err := dnsmessage.NewName(name + ".")
	return dnsmessage.Question{Name: owner, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}, err
}

// receive returns the first packet that answers the query.
func receive(connection net.Conn, query dnsmessage.Message) (dnsmessage.Message, error) {
	buffer := make([]byte, packetSize)
	for {
		n, err := connection.Read(buffer)
		if err != nil {
			return dnsmessage.Message{}, err
		}
		var response dnsmessage.Message
		if response.Unpack(buffer[:n]) == nil && response.Response && response.ID == query.ID &&
			len(response.Questions) == 1 && strings.EqualFold(response.Questions[0].Name.String(), query.Questions[0].Name.String()) {
			return response, nil
		}
	}
}

// Nameservers returns the addresses that a resolv.conf names, of which the C library takes the first ones.
func Nameservers(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var servers []string
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() && len(servers) < maxServers {
		if words := strings.Fields(lines.Text()); len(words) >= 2 && words[0] == "nameserver" {
			servers = append(servers, words[1])
		}
	}
	return servers, lines.Err()
}
