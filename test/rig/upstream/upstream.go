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

// Package upstream is the recursive resolver of a rig's nodes. It answers from a file with records
// in presentation format. It reads the file for each query, so a test can change an answer by
// writing the file.
package upstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// longest limits the CNAMEs that are followed.
const longest = 8

// Serve answers queries on the address, over UDP and TCP, until the context is done.
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

// lookup follows CNAMEs like a recursive resolver.
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

// read returns the records in a file, or none if the file does not exist.
func read(file string) ([]dns.RR, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return Parse(string(content))
}

// Parse parses records in presentation format, one per line. The default TTL is two seconds.
func Parse(text string) ([]dns.RR, error) {
	parser := dns.NewZoneParser(strings.NewReader(text), ".", "")
	parser.SetDefaultTTL(2)
	var records []dns.RR
	for record, ok := parser.Next(); ok; record, ok = parser.Next() {
		records = append(records, record)
	}
	return records, parser.Err()
}
