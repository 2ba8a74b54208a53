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

// Dnswatch queries a DNS server for a name repeatedly, and prints each answer that differs from the
// previous one: the time in nanoseconds since 1970, the rcode or error, and the sorted records. At
// the end, it prints "count", the number and the answer for each distinct answer. It also prints
// "slowest", the time and the duration in nanoseconds of the slowest query.
//
//	dnswatch [-type A] [-parallel] [-tcp] SERVER:PORT NAME INTERVAL
//
// SERVER:PORT may be "resolv.conf", for the first nameserver of /etc/resolv.conf. By default, each
// query waits for the previous answer, with a timeout of one second. With -parallel, queries are
// sent at the interval without waiting. Each has its own port, no retry, and a timeout of 5 seconds
// like a stub resolver (resolv.conf(5), timeout). With -tcp, each query has its own connection.
//
// It ends with its standard input, because signals to nsenter do not reach a program in another
// process namespace. Tests run it on nodes and in Pods, to record the answers that clients get
// during a change.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
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
	flags := flag.NewFlagSet("dnswatch", flag.ExitOnError)
	recordType := flags.String("type", "A", "type of the records")
	parallel := flags.Bool("parallel", false, "do not wait for answers before the next query")
	tcp := flags.Bool("tcp", false, "ask over TCP, with a connection for each query")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 3 {
		return fmt.Errorf("usage: dnswatch [-type A] [-parallel] [-tcp] SERVER:PORT NAME INTERVAL")
	}
	interval, err := time.ParseDuration(flags.Arg(2))
	if err != nil {
		return fmt.Errorf("reading the interval: %w", err)
	}
	server, err := serverOf(flags.Arg(0))
	if err != nil {
		return err
	}
	qtype, ok := dns.StringToType[*recordType]
	if !ok {
		return fmt.Errorf("there is no record type %s", *recordType)
	}
	client := &client{server: server, name: dns.Fqdn(flags.Arg(1)), qtype: qtype, timeout: time.Second}
	if *tcp {
		client.network = "tcp"
	}
	if *parallel {
		client.timeout = 5 * time.Second
	}
	watch(client, interval, *parallel).print()
	return nil
}

// serverOf returns the address of a server.
func serverOf(server string) (string, error) {
	if server != "resolv.conf" {
		return server, nil
	}
	config, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil {
		return "", fmt.Errorf("reading /etc/resolv.conf: %w", err)
	}
	if len(config.Servers) == 0 {
		return "", fmt.Errorf("/etc/resolv.conf names no server")
	}
	return net.JoinHostPort(config.Servers[0], config.Port), nil
}

// watch sends queries until standard input ends.
func watch(client *client, interval time.Duration, parallel bool) *tally {
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	seen := &tally{counts: map[string]int{}}
	var open sync.WaitGroup
	defer open.Wait()
	next := time.Now()
	for query := 1; ; query++ {
		if parallel {
			open.Go(func() { seen.ask(client, query) })
			next = next.Add(interval) // A late tick does not delay the next one.
		} else {
			seen.ask(client, query)
			next = time.Now().Add(interval)
		}
		select {
		case <-stop:
			return seen
		case <-time.After(time.Until(next)):
		}
	}
}

// tally counts answers and prints changes.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
	last   string
	latest int

	slowest      time.Duration
	slowestAsked time.Time
}

// ask sends one query and counts the answer.
func (t *tally) ask(client *client, query int) {
	asked := time.Now()
	answer := client.ask()
	taken := time.Since(asked)
	t.add(query, answer)
	t.mu.Lock()
	defer t.mu.Unlock()
	if taken > t.slowest {
		t.slowest, t.slowestAsked = taken, asked
	}
}

// add counts the answer to a query. If a later query has been answered already, it is not a change.
func (t *tally) add(query int, answer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[answer]++
	if query < t.latest {
		return
	}
	t.latest = query
	if answer != t.last {
		fmt.Printf("%d %s\n", time.Now().UnixNano(), answer)
		t.last = answer
	}
}

func (t *tally) print() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for answer, count := range t.counts {
		fmt.Printf("count %d %s\n", count, answer)
	}
	fmt.Printf("slowest %d %d\n", t.slowestAsked.UnixNano(), t.slowest.Nanoseconds())
}

type client struct {
	server, name string
	// network is the network of a dns.Client. It is empty for UDP.
	network string
	qtype   uint16
	timeout time.Duration
}

// ask sends one query like a stub resolver.
func (c *client) ask() string {
	client := &dns.Client{Net: c.network, Timeout: c.timeout}
	query := new(dns.Msg).SetQuestion(c.name, c.qtype)
	response, _, err := client.Exchange(query, c.server)
	if err != nil {
		return "error " + problem(err)
	}
	var records []string
	for _, record := range response.Answer {
		if record.Header().Rrtype == c.qtype {
			records = append(records, text(record))
		}
	}
	slices.Sort(records)
	return strings.TrimSpace(dns.RcodeToString[response.Rcode] + " " + strings.Join(records, " "))
}

// text returns a record's data with commas instead of spaces.
func text(record dns.RR) string {
	fields := make([]string, dns.NumField(record))
	for i := range fields {
		fields[i] = dns.Field(record, i+1)
	}
	return strings.Join(fields, ",")
}

// problem returns the error without ports, so that equal errors count as one answer.
func problem(err error) string {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	if at := strings.LastIndex(text, ": "); at >= 0 {
		return text[at+2:]
	}
	return text
}
