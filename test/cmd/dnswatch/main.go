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

// Dnswatch asks a DNS server for the A records of a name over and over, and prints each answer that differs from the one
// before: the time in nanoseconds since 1970, the rcode or error, and the addresses, sorted.
//
//	dnswatch SERVER:PORT NAME INTERVAL
//
// It ends with its standard input, because signals to nsenter do not reach a program in another process namespace.
// The tests run it beside a cluster's Pods to see what clients saw while something happened, and when a change was seen.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dnswatch:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: dnswatch SERVER:PORT NAME INTERVAL")
	}
	interval, err := time.ParseDuration(args[2])
	if err != nil {
		return fmt.Errorf("reading the interval: %w", err)
	}
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	var last string
	for {
		if answer := ask(args[0], args[1]); answer != last {
			fmt.Printf("%d %s\n", time.Now().UnixNano(), answer)
			last = answer
		}
		select {
		case <-stop:
			return nil
		case <-ticks.C:
		}
	}
}

// ask sends one query, as a stub resolver does, and waits a second at most.
func ask(server, name string) string {
	client := &dns.Client{Timeout: time.Second}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	response, _, err := client.Exchange(query, server)
	if err != nil {
		return "error " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	var addresses []string
	for _, record := range response.Answer {
		if a, ok := record.(*dns.A); ok {
			addresses = append(addresses, a.A.String())
		}
	}
	slices.Sort(addresses)
	return strings.TrimSpace(dns.RcodeToString[response.Rcode] + " " + strings.Join(addresses, " "))
}
