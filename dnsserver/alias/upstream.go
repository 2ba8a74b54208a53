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

package alias

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// attemptTimeout is the longest time for one query to one resolver. Two attempts fit in
	// maxWait, so that a query is answered even if the first resolver is silent. Two attempts at
	// each of three resolvers, which is all that libc uses, fit in lookupTimeout.
	attemptTimeout = 600 * time.Millisecond
	// attempts is the number of queries to each resolver.
	attempts = 2
	// udpSize is the largest response over UDP in octets.
	udpSize = 1232
	// configRest is the time for which the file is not read again.
	configRest = time.Second
)

// upstream queries the resolvers of a file like /etc/resolv.conf. It ignores the search list,
// because targets are absolute.
type upstream struct {
	path string
	// port is the port of all resolvers.
	port string

	mu sync.Mutex
	// config is the content of the file.
	config *dns.ClientConfig
	read   time.Time
}

// resolvers returns the content of the file, which may change. It caches the content, because
// thousands of lookups may start at once.
func (u *upstream) resolvers(now time.Time) (*dns.ClientConfig, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.config != nil && now.Sub(u.read) < configRest {
		return u.config, nil
	}
	config, err := dns.ClientConfigFromFile(u.path)
	if err != nil {
		return nil, fmt.Errorf("reading which resolvers there are: %w", err)
	}
	if len(config.Servers) == 0 {
		return nil, fmt.Errorf("%s names no resolver", u.path)
	}
	u.config, u.read = config, now
	return config, nil
}

// ask returns the first response to a question for an absolute name. A response counts if it is
// NOERROR or NXDOMAIN.
func (u *upstream) ask(ctx context.Context, target string, qtype uint16) (*dns.Msg, error) {
	config, err := u.resolvers(time.Now())
	if err != nil {
		return nil, err
	}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(target), qtype)
	query.SetEdns0(udpSize, false)
	var errs []error
	for range attempts {
		for _, server := range config.Servers {
			response, err := exchange(ctx, query, net.JoinHostPort(server, u.port))
			if err == nil && (response.Rcode == dns.RcodeSuccess || response.Rcode == dns.RcodeNameError) {
				return response, nil
			}
			if err == nil {
				err = fmt.Errorf("%s says %s", server, dns.RcodeToString[response.Rcode])
			}
			if ctx.Err() != nil {
				return nil, errors.Join(append(errs, ctx.Err())...)
			}
			errs = append(errs, err)
		}
	}
	return nil, errors.Join(errs...)
}

// exchange queries one resolver. It uses TCP if the response is truncated. Each query has a random
// ID and port, so that answers are hard to forge (RFC 5452).
func exchange(ctx context.Context, query *dns.Msg, server string) (*dns.Msg, error) {
	query = query.Copy()
	query.Id = dns.Id()
	var response *dns.Msg
	for _, network := range []string{"udp", "tcp"} {
		client := &dns.Client{Net: network, Timeout: attemptTimeout, UDPSize: udpSize}
		var err error
		response, _, err = client.ExchangeContext(ctx, query, server)
		if err != nil {
			return nil, fmt.Errorf("asking %s over %s: %w", server, network, err)
		}
		if len(response.Question) != 1 || response.Question[0].Qtype != query.Question[0].Qtype ||
			dns.CanonicalName(response.Question[0].Name) != query.Question[0].Name {
			return nil, fmt.Errorf("%s answers another question", server)
		}
		if !response.Truncated {
			break
		}
	}
	return response, nil
}
