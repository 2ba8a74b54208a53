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

// Package upstream plays the resolver that a rig's nodes ask, which is a cloud's or a company's elsewhere. It answers from
// a file of records in presentation format, read anew for each query, so that a test changes an answer by writing a file.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// longest bounds how many CNAMEs are followed.
const longest = 8

// Serve answers on address, over UDP and TCP, until the context ends.
func Serve(ctx context.Context, address, file string) error {
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		_ = w.WriteMsg(respond(query, file))
	})
	failed := make(chan error, 2)
	for _, network := range []string{"udp", "tcp"} {
		server := &dns.Server{Addr: address, Net: network, Handler: handler}
		go func() { failed <- server.ListenAndServe() }()
		defer func() { _ = server.Shutdown() }()
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return fmt.Errorf("serving DNS on %s: %w", address, err)
	}
}

func respond(query *dns.Msg, file string) *dns.Msg {
	response := new(dns.Msg).SetReply(query)
	response.RecursionAvailable = true
	records, err := read(file)
	if err != nil || len(query.Question) != 1 {
		response.Rcode = dns.RcodeServerFailure
		return response
	}
	response.Answer, response.Rcode = lookup(records, query.Question[0])
	return response
}

// lookup follows CNAMEs, as a recursive resolver does.
func lookup(records []dns.RR, question dns.Question) ([]dns.RR, int) {
	var answer []dns.RR
	name := question.Name
	for range longest {
		var alias string
		exists, found := false, false
		for _, record := range records {
			if !strings.EqualFold(record.Header().Name, name) {
				continue
			}
			exists = true
			if record.Header().Rrtype == question.Qtype {
				answer, found = append(answer, record), true
			} else if cname, ok := record.(*dns.CNAME); ok {
				answer, alias = append(answer, record), cname.Target
			}
		}
		switch {
		case !exists:
			return answer, dns.RcodeNameError
		case found || alias == "":
			return answer, dns.RcodeSuccess
		}
		name = alias
	}
	return nil, dns.RcodeServerFailure
}

// read reads the records. A file that is not there has none.
func read(file string) ([]dns.RR, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return Parse(string(content))
}

// Parse reads records in presentation format, one on each line. Without a TTL they may be kept for two seconds.
func Parse(text string) ([]dns.RR, error) {
	parser := dns.NewZoneParser(strings.NewReader(text), ".", "")
	parser.SetDefaultTTL(2)
	var records []dns.RR
	for record, ok := parser.Next(); ok; record, ok = parser.Next() {
		records = append(records, record)
	}
	return records, parser.Err()
}
