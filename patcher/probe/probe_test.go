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

package probe_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/probe"
)

// nameserver answers on one port of several loopback addresses, one behaviour for each of them.
type nameserver struct {
	port  string
	mutex sync.Mutex
	names []string
}

// serve listens on the port, which is any free one at first.
func (n *nameserver) serve(t *testing.T, address string, answer func(*dns.Msg) *dns.Msg) {
	t.Helper()
	g := NewWithT(t)
	connection, err := net.ListenPacket("udp", net.JoinHostPort(address, n.portOrAny()))
	g.Expect(err).NotTo(HaveOccurred())
	_, n.port, err = net.SplitHostPort(connection.LocalAddr().String())
	g.Expect(err).NotTo(HaveOccurred())
	server := &dns.Server{PacketConn: connection, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		n.mutex.Lock()
		n.names = append(n.names, query.Question[0].Name)
		n.mutex.Unlock()
		if response := answer(query); response != nil {
			_ = w.WriteMsg(response)
		}
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.ActivateAndServe()
	}()
	t.Cleanup(func() {
		_ = connection.Close()
		<-ended
	})
}

func (n *nameserver) portOrAny() string {
	if n.port == "" {
		return "0"
	}
	return n.port
}

func (n *nameserver) asked() []string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return append([]string(nil), n.names...)
}

func address(a string) func(*dns.Msg) *dns.Msg {
	return func(query *dns.Msg) *dns.Msg {
		response := new(dns.Msg).SetReply(query)
		record, err := dns.NewRR(query.Question[0].Name + " 0 IN A " + a)
		if err != nil {
			panic(err)
		}
		response.Answer = []dns.RR{record}
		return response
	}
}

func rcode(code int) func(*dns.Msg) *dns.Msg {
	return func(query *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(query, code) }
}

func silence(*dns.Msg) *dns.Msg { return nil }

// resolvConf writes a resolv.conf as kubelet does.
func resolvConf(t *testing.T, servers ...string) string {
	t.Helper()
	text := "search xcc-dns.svc.cluster.local svc.cluster.local cluster.local\n"
	for _, server := range servers {
		text += "nameserver " + server + "\n"
	}
	path := filepath.Join(t.TempDir(), "resolv.conf")
	NewWithT(t).Expect(os.WriteFile(path, []byte(text+"options ndots:5\n"), 0o600)).To(Succeed())
	return path
}

func TestEachWayToFailHasItsOwnSentence(t *testing.T) {
	t.Parallel()
	type answers []func(*dns.Msg) *dns.Msg
	for name, test := range map[string]struct {
		answers answers
		failure string
		result  string
	}{
		"success":                 {answers{address("192.0.2.53")}, "", "success"},
		"the name does not exist": {answers{rcode(dns.RcodeNameError)}, "NXDOMAIN from 127.0.0.1: it sends names in xcc.test somewhere else than to the DNS server", "nxdomain"},
		"refused":                 {answers{rcode(dns.RcodeRefused)}, "REFUSED from 127.0.0.1: it serves no zone that contains xcc.test", "refused"},
		"a failure of the server": {answers{rcode(dns.RcodeServerFailure)}, "SERVFAIL from 127.0.0.1 for a name in xcc.test: it does not reach the DNS server, or that has not read its records yet", "servfail"},
		"another response code":   {answers{rcode(dns.RcodeNotImplemented)}, "RCodeNotImplemented from 127.0.0.1 for a name in xcc.test", "no_answer"},
		"another address":         {answers{address("192.0.2.1")}, "127.0.0.1 does not answer 192.0.2.53 for a probe in xcc.test: somebody else answers for that zone", "wrong_answer"},
		"no address":              {answers{rcode(dns.RcodeSuccess)}, "127.0.0.1 does not answer 192.0.2.53 for a probe in xcc.test: somebody else answers for that zone", "wrong_answer"},
		"silence": {
			answers{silence}, "127.0.0.1 did not answer for a name in xcc.test within 100ms, asked 2 times: cluster DNS does not run, or this Pod cannot reach it", "timeout"},
		"nobody listens":   {answers{nil}, "127.0.0.1 cannot be asked for names in xcc.test: read: connection refused", "no_answer"},
		"nobody to ask":    {nil, "names no nameserver; the Pod needs dnsPolicy ClusterFirst", "no_nameserver"},
		"another question": {answers{otherQuestion}, "127.0.0.1 did not answer", "timeout"},

		"the second nameserver after silence":         {answers{silence, address("192.0.2.53")}, "", "success"},
		"the second nameserver after SERVFAIL":        {answers{rcode(dns.RcodeServerFailure), address("192.0.2.53")}, "", "success"},
		"the second nameserver is bad, too":           {answers{silence, rcode(dns.RcodeRefused)}, "cannot reach it; REFUSED from 127.0.0.2: it serves", "refused"},
		"no second nameserver after NXDOMAIN":         {answers{rcode(dns.RcodeNameError), address("192.0.2.53")}, "NXDOMAIN from 127.0.0.1", "nxdomain"},
		"no second nameserver after another's answer": {answers{address("192.0.2.1"), address("192.0.2.53")}, "somebody else answers", "wrong_answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			n := &nameserver{port: reserve(t)}
			var servers []string
			for i, answer := range test.answers {
				server := fmt.Sprintf("127.0.0.%d", i+1)
				servers = append(servers, server)
				if answer != nil {
					n.serve(t, server, answer)
				}
			}
			failures := make(chan string, 1)
			registry := prometheus.NewRegistry()
			prober, err := probe.New(&rest.Config{Host: "127.0.0.1:1"}, probe.Options{
				Zones: []string{"xcc.test"}, Interval: time.Hour, ResolvConf: resolvConf(t, servers...), Port: n.port, Timeout: 100 * time.Millisecond,
			}, func(failure string) { failures <- failure }, registry)
			g.Expect(err).NotTo(HaveOccurred())
			run(t, prober)
			var failure string
			g.Eventually(failures, 30*time.Second).Should(Receive(&failure), "it looks up at once")
			if test.failure == "" {
				g.Expect(failure).To(BeEmpty())
			} else {
				g.Expect(failure).To(ContainSubstring(test.failure))
			}
			g.Expect(testutil.GatherAndCompare(registry, strings.NewReader(counts(test.result)), "xcc_probes_total")).To(Succeed())
		})
	}
}

// reserve returns a port on which nobody listens on any of the loopback addresses, as good as it can be known.
func reserve(t *testing.T) string {
	t.Helper()
	connection, err := net.ListenPacket("udp", "0.0.0.0:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer connection.Close()
	_, port, err := net.SplitHostPort(connection.LocalAddr().String())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return port
}

// otherQuestion answers what was not asked, as somebody does who guesses.
func otherQuestion(query *dns.Msg) *dns.Msg {
	response := address("192.0.2.53")(query)
	response.Question[0].Name = "guessed._probe.xcc.test."
	return response
}

// counts is the metric when a single lookup ended like this.
func counts(result string) string {
	var text strings.Builder
	text.WriteString("# HELP xcc_probes_total Number of lookups of a name in a zone through the cluster's own DNS.\n# TYPE xcc_probes_total counter\n")
	for _, other := range []string{"no_answer", "no_nameserver", "nxdomain", "refused", "servfail", "success", "timeout", "wrong_answer"} {
		count := 0
		if other == result {
			count = 1
		}
		fmt.Fprintf(&text, "xcc_probes_total{result=%q} %d\n", other, count)
	}
	return text.String()
}

func TestEveryLookupIsForAnotherNameAndTheNextOneComesInTime(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	n := &nameserver{}
	var broken atomic.Bool
	n.serve(t, "127.0.0.1", func(query *dns.Msg) *dns.Msg {
		if broken.Load() {
			return rcode(dns.RcodeNameError)(query)
		}
		return address("192.0.2.53")(query)
	})
	clock := clocktesting.NewFakeClock(time.Now())
	failures := make(chan string, 100)
	prober, err := probe.New(&rest.Config{Host: "api.invalid", Transport: accept{}}, probe.Options{
		Zones: []string{"xcc.test", "b.test"}, Namespace: "xcc-dns", Interval: 30 * time.Second,
		ResolvConf: resolvConf(t, "127.0.0.1"), Port: n.port, Clock: clock,
	}, func(failure string) { failures <- failure }, prometheus.NewRegistry())
	g.Expect(err).NotTo(HaveOccurred())
	run(t, prober)
	next := func(step time.Duration) string {
		g.Eventually(clock.HasWaiters, 30*time.Second).Should(BeTrue(), "it waits for its time")
		clock.Step(step - time.Millisecond)
		g.Expect(failures).NotTo(Receive(), "not before")
		clock.Step(time.Millisecond)
		var failure string
		g.Eventually(failures, 30*time.Second).Should(Receive(&failure), "it looks up again")
		return failure
	}
	g.Eventually(failures, 30*time.Second).Should(Receive(BeEmpty()), "it looks up at once")
	broken.Store(true)
	g.Expect(next(30 * time.Second)).To(And(ContainSubstring("in xcc.test somewhere else"), ContainSubstring("; NXDOMAIN from 127.0.0.1: it sends names in b.test")))
	g.Expect(next(5 * time.Second)).NotTo(BeEmpty())
	broken.Store(false)
	g.Expect(next(5 * time.Second)).To(BeEmpty())
	g.Expect(next(30 * time.Second)).To(BeEmpty())

	seen := map[string]bool{}
	for i, name := range n.asked() {
		g.Expect(name).To(HaveSuffix([]string{"._probe.xcc.test.", "._probe.b.test."}[i%2]))
		g.Expect(seen).NotTo(HaveKey(name))
		seen[name] = true
	}
	g.Expect(seen).To(HaveLen(10))
}

// accept is an API server that takes everything.
type accept struct{}

func (accept) RoundTrip(request *http.Request) (*http.Response, error) {
	lease := `{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"dns-probe","namespace":"xcc-dns"}}`
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}},
		Body: readCloser{strings.NewReader(lease)}, Request: request,
	}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// run runs the Prober until the test ends.
func run(t *testing.T, prober *probe.Prober) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		prober.Run(t.Context())
	}()
	t.Cleanup(func() { <-done })
}
