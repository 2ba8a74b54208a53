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

package controller_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

func TestTheZoneIsForwarded(t *testing.T) {
	c := newCluster(t)
	original := coreDNS(defaultCorefile)
	original.Labels = map[string]string{"mine": "yes"}
	original.Data["more"] = "of the user"
	c.create(original)
	r := c.run(nil)
	c.eventuallyReports(r, report.WaitingForService)
	c.Expect(c.corefile()).To(Equal(defaultCorefile), "without a ClusterIP there is nothing to write")

	c.create(dnsServer(clusterIP))
	c.eventuallyForwards(clusterIP)
	c.eventuallyReports(r, report.Forwarding)
	c.Expect(c.corefile()).To(HavePrefix(defaultCorefile))
	c.Expect(c.configMap("kube-system", "coredns").Data).To(HaveKeyWithValue("more", "of the user"))
	c.Expect(c.configMap("kube-system", "coredns").Labels).To(HaveKeyWithValue("mine", "yes"))
	c.Expect(c.memory()).To(HaveKeyWithValue("message", "CoreDNS is configured to forward xcc.test to "+clusterIP))
	c.Expect(c.memory()).To(HaveKeyWithValue("coreDNS", "ConfigMap kube-system/coredns"))
	since, err := time.Parse(time.RFC3339, c.memory()["since"])
	c.Expect(err).NotTo(HaveOccurred())
	c.Expect(since).To(BeTemporally("~", time.Now(), time.Minute))
	c.Eventually(c.events).Should(Equal([]string{"Normal WaitingForService", "Normal Forwarding"}), "changes of the state are Events")
}

func TestAnOverwrittenCorefileIsRepaired(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	c.run(nil)
	c.eventuallyForwards(clusterIP)
	patched := c.corefile()
	for range 3 {
		c.overwrite(defaultCorefile)
		c.Eventually(c.corefile).Should(Equal(patched), "the controller sees the change")
	}
	c.delete(coreDNS(""))
	c.eventuallyState(report.CorefileNotFound)
	c.create(coreDNS(defaultCorefile))
	c.Eventually(c.corefile).Should(Equal(patched), "the controller sees the new ConfigMap")
}

func TestANewClusterIPIsFollowed(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	c.run(nil)
	c.eventuallyForwards(clusterIP)
	patched := c.corefile()

	c.delete(dnsServer(""))
	c.eventuallyState(report.WaitingForService)
	c.Expect(c.corefile()).To(Equal(patched), "without a Service the block stays")

	c.create(dnsServer("10.0.0.54"))
	c.eventuallyForwards("10.0.0.54")
	c.Expect(c.corefile()).To(Equal(strings.ReplaceAll(patched, clusterIP, "10.0.0.54")))
}

func TestWhatIsNotOursToEditIsLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		corefile, message string
		state             report.State
	}{
		"another hand's block": {
			corefile: defaultCorefile + "xcc.test {\n    file /db\n}\n", state: report.ForeignBlock,
			message: `the block "xcc.test" in line 5 of the Corefile in kube-system/coredns serves xcc.test and is not ours; remove that block or choose another zone`,
		},
		"a Corefile that does not parse": {
			corefile: ".:53 {\n    errors\n", state: report.UnsupportedCorefile,
			message: "line 1: the brace that opens here is never closed; correct it and the block for xcc.test will be added",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t)
			c.create(coreDNS(test.corefile))
			c.create(dnsServer(clusterIP))
			version := c.configMap("kube-system", "coredns").ResourceVersion
			r := c.run(nil)
			c.eventuallyReports(r, test.state)
			c.Expect(c.memory()).To(HaveKeyWithValue("message", ContainSubstring(test.message)))
			c.Expect(c.configMap("kube-system", "coredns").ResourceVersion).To(Equal(version), "nothing is written")
			c.Eventually(c.events).Should(Equal([]string{"Warning " + string(test.state)}), "the user is told")

			c.overwrite(defaultCorefile)
			c.eventuallyForwards(clusterIP)
			c.Eventually(c.events).Should(Equal([]string{"Warning " + string(test.state), "Normal Forwarding"}), "and told that it is solved")
		})
	}
}

func TestAMissingCorefileIsReported(t *testing.T) {
	c := newCluster(t)
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyReports(r, report.CorefileNotFound)
	c.Expect(c.memory()).To(HaveKeyWithValue("message", ContainSubstring("there is no ConfigMap kube-system/coredns")))

	configMap := coreDNS("")
	configMap.Data = map[string]string{"other": "key"}
	c.create(configMap)
	r.stop()
	c.create(kubeDNS())
	defer c.delete(kubeDNS())
	c.run(nil)
	c.Eventually(c.memory).Should(HaveKeyWithValue("message", HaveSuffix(
		"with a key Corefile; cluster DNS is kube-dns, which is not supported: add the zone and the DNS server's ClusterIP to stubDomains in its ConfigMap kube-system/kube-dns")),
		"the message follows")
	c.Expect(c.configMap("kube-system", "coredns").Data).NotTo(HaveKey("Corefile"))
}

func TestARefusedWriteIsReportedAndTriedAgain(t *testing.T) {
	c := newCluster(t)
	immutable := true
	configMap := coreDNS(defaultCorefile)
	configMap.Immutable = &immutable
	c.create(configMap)
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyReports(r, report.WriteFailed)
	c.Expect(c.memory()).To(HaveKeyWithValue("message", ContainSubstring("field is immutable")))

	c.delete(coreDNS(""))
	c.create(coreDNS(defaultCorefile))
	c.eventuallyForwards(clusterIP)
}

func TestNothingIsWrittenWithoutAChange(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	first := c.run(nil)
	c.eventuallyReports(first, report.Forwarding)
	c.Eventually(c.events).Should(HaveLen(1), "the first state is an Event")
	first.stop()
	coreDNSVersion, memoryVersion := c.configMap("kube-system", "coredns").ResourceVersion, c.configMap(namespace, patcher).ResourceVersion

	var writes atomic.Int32
	r := c.run(onRequest(func(request *http.Request) error {
		if request.Method != http.MethodGet {
			writes.Add(1)
		}
		return nil
	}))
	c.eventuallyReports(r, report.Forwarding)
	r.stop()
	c.Expect(writes.Load()).To(BeZero())
	c.Expect(c.configMap("kube-system", "coredns").ResourceVersion).To(Equal(coreDNSVersion), "neither at the start nor at the end")
	c.Expect(c.configMap(namespace, patcher).ResourceVersion).To(Equal(memoryVersion))
	c.Expect(c.events()).To(HaveLen(1))
}

func TestOurBlockStaysOursWhenKilledBeforeTheWrite(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	first := c.run(nil)
	c.eventuallyForwards(clusterIP)
	first.stop()

	c.delete(dnsServer(""))
	c.create(dnsServer("10.0.0.54"))
	var killed running
	ready := make(chan struct{})
	killed = c.run(onCorefileWrite(func() error {
		<-ready
		go killed.stop()
		return errors.New("killed")
	}))
	close(ready)
	c.Eventually(c.memory).Should(HaveKeyWithValue("written", ContainSubstring("10.0.0.54")), "the memory is written first")
	killed.stop()
	c.Expect(c.corefile()).To(ContainSubstring(clusterIP), "the Corefile was not written")

	c.delete(dnsServer(""))
	c.create(dnsServer("10.0.0.55"))
	c.run(nil)
	c.eventuallyForwards("10.0.0.55")
	c.Expect(c.corefile()).NotTo(ContainSubstring(clusterIP + " "))
}

func TestAWriteOfSomebodyElseInBetweenIsKept(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	edited := "# Edited.\n" + defaultCorefile
	var once sync.Once
	c.run(onCorefileWrite(func() error {
		once.Do(func() { c.overwrite(edited) })
		return nil
	}))
	c.eventuallyForwards(clusterIP)
	c.Expect(c.corefile()).To(HavePrefix(edited))
}

func TestAFightWithAnotherWriterIsSlow(t *testing.T) {
	c := newCluster(t)
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	var writes atomic.Int32
	c.run(afterCorefileWrite(func() {
		writes.Add(1)
		c.overwrite(defaultCorefile)
	}))
	c.Eventually(writes.Load).Should(BeNumerically("==", 6), "repairs are immediate at first")
	c.Consistently(writes.Load, 3*time.Second).Should(BeNumerically("==", 6), "and then it waits")
}

// afterCorefileWrite calls the function after each write of the Corefile that the API server answered.
func afterCorefileWrite(call func()) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(request)
			if err == nil && response.StatusCode == http.StatusOK && isCorefileWrite(request) {
				call()
			}
			return response, err
		})
	}
}

// onCorefileWrite calls the function before each write of the Corefile, which fails with its error.
func onCorefileWrite(call func() error) func(http.RoundTripper) http.RoundTripper {
	return onRequest(func(request *http.Request) error {
		if isCorefileWrite(request) {
			return call()
		}
		return nil
	})
}

func isCorefileWrite(request *http.Request) bool {
	return request.Method == http.MethodPut && strings.HasSuffix(request.URL.Path, "/configmaps/coredns")
}

// onRequest calls the function before each request, which fails with its error.
func onRequest(call func(*http.Request) error) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(request *http.Request) (*http.Response, error) {
			if err := call(request); err != nil {
				return nil, err
			}
			return next.RoundTrip(request)
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	return r(request)
}
