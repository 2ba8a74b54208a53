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
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	ctrlclient "sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/probe"
)

// clusterDNS answers lookups on a port of its own until the test ends, with NXDOMAIN while it is broken.
func clusterDNS(t *testing.T, broken *atomic.Bool) (port, resolvConf string) {
	t.Helper()
	g := NewWithT(t)
	connection, err := net.ListenPacket("udp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = connection.Close() })
	server := &dns.Server{PacketConn: connection, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		response := new(dns.Msg).SetReply(query)
		if broken.Load() {
			response.Rcode = dns.RcodeNameError
		} else {
			record, _ := dns.NewRR(query.Question[0].Name + " 0 IN A 192.0.2.53")
			response.Answer = []dns.RR{record}
		}
		_ = w.WriteMsg(response)
	})}
	go func() { _ = server.ActivateAndServe() }()
	_, port, err = net.SplitHostPort(connection.LocalAddr().String())
	g.Expect(err).NotTo(HaveOccurred())
	resolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	g.Expect(os.WriteFile(resolvConf, []byte("nameserver 127.0.0.1\n"), 0o600)).To(Succeed())
	return port, resolvConf
}

func TestLookupsAreReported(t *testing.T) {
	c := newCluster(t)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "dns-probe"}}
	c.create(coreDNS(defaultCorefile))
	c.create(dnsServer(clusterIP))
	r := c.run(nil)
	c.eventuallyReports(r, report.Forwarding)

	var broken atomic.Bool
	broken.Store(true)
	port, resolvConf := clusterDNS(t, &broken)
	config := rest.CopyConfig(adminConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:" + namespace + ":" + patcher}
	prober, err := probe.New(config, probe.Options{
		Zones: []string{"xcc.test"}, Namespace: namespace, Interval: time.Second, ResolvConf: resolvConf, Port: port,
	}, r.controller.ReportProbe, prometheus.NewRegistry())
	c.Expect(err).NotTo(HaveOccurred())
	done := make(chan struct{})
	go func() {
		defer close(done)
		prober.Run(t.Context())
	}()
	t.Cleanup(func() { <-done })

	c.Eventually(c.memory).Should(HaveKeyWithValue("probe", HavePrefix("NXDOMAIN from 127.0.0.1")), "a failure is a sentence")
	c.Expect(apierrors.IsNotFound(admin.Get(t.Context(), ctrlclient.ObjectKeyFromObject(lease), lease))).To(BeTrue(), "and no success")
	version := c.configMap(namespace, patcher).ResourceVersion
	c.Consistently(func() string { return c.configMap(namespace, patcher).ResourceVersion }, time.Second).
		Should(Equal(version), "the same failure is written once")

	renewed := func() (time.Time, error) {
		err := admin.Get(t.Context(), ctrlclient.ObjectKeyFromObject(lease), lease)
		if err != nil {
			return time.Time{}, err
		}
		return lease.Spec.RenewTime.Time, nil
	}
	broken.Store(false)
	c.Eventually(renewed).Should(BeTemporally("~", time.Now(), time.Minute), "a success is a Lease")
	c.Expect(lease.Spec.LeaseDurationSeconds).To(HaveValue(Equal(int32(3))), "it counts for three intervals")
	c.Expect(lease.Spec.HolderIdentity).NotTo(HaveValue(BeEmpty()))
	c.Eventually(c.memory).Should(HaveKeyWithValue("probe", ""), "the failure is over")
	before := lease.Spec.RenewTime.Time
	c.Eventually(renewed).Should(BeTemporally(">", before), "it is renewed")
	c.delete(lease)
	c.Eventually(renewed).Should(BeTemporally(">", before), "and made anew")

	broken.Store(true)
	c.Eventually(c.memory).Should(HaveKeyWithValue("probe", HavePrefix("NXDOMAIN")), "the next failure is told")
	before = lease.Spec.RenewTime.Time
	c.Expect(renewed()).To(BeTemporally(">=", before))
	settled, err := renewed()
	c.Expect(err).NotTo(HaveOccurred())
	c.Consistently(renewed, time.Second).Should(Equal(settled), "a failure renews nothing")
}
