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

package corefile_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/coredns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/field"
)

const (
	// upstream answers for all names outside of the zone.
	upstream = "192.0.2.1:53"
	// repetitions is the number of queries that reaches both of two sockets with one address: the
	// probability that one gets no query is 2 in 2^30.
	repetitions = 30
)

// TestFieldCorefiles installs into configurations from other projects' issues. Afterwards, the real
// CoreDNS must answer for the zone, and for all other names as before. Uninstall must restore every
// byte.
func TestFieldCorefiles(t *testing.T) {
	t.Parallel()
	if !coredns.Isolated(t) {
		return
	}
	cases, err := field.Corefiles()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(cases).NotTo(BeEmpty())
	text, err := components.Version("coredns")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	used := version.MustParseSemantic(text)
	for _, test := range cases {
		t.Run(test.Name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			if test.Since != "" && used.LessThan(version.MustParseSemantic(test.Since)) {
				t.Skipf("CoreDNS %s behaves like this, and this is v%s", test.Since, used)
			}
			before := texts(test.ConfigMaps)
			cluster := clusterOf(test)
			plan := corefile.Install(cluster(before), settings())
			for _, text := range test.Says {
				g.Expect(plan.Err).To(MatchError(ContainSubstring(text)))
			}
			switch test.State {
			case "forwarding":
				g.Expect(plan.Err).NotTo(HaveOccurred())
				g.Expect(plan.Edits).NotTo(BeEmpty())
				after := perform(before, plan)
				expectRoundTrip(g, cluster, before, after, plan.Written)
				expectServed(t, test, after)
			case "refused":
				g.Expect(plan.Err).To(Or(MatchError(corefile.ErrUnsupported), MatchError(corefile.ErrForeignBlock)))
				var edited []string
				for _, edit := range plan.Edits {
					edited = append(edited, edit.ConfigMap.Name)
				}
				g.Expect(edited).To(Equal(test.Edited))
				expectStarts(t, test)
			case "not found":
				g.Expect(plan.Err).To(MatchError(corefile.ErrNotFound))
				g.Expect(plan.Edits).To(BeEmpty())
			default:
				g.Expect(test.State).To(Equal("forwarding"), "the state is unknown")
			}
		})
	}
}

// clusterOf returns the function from ConfigMaps to a Cluster: with the servers of the case, or
// else the known ones.
func clusterOf(test field.Corefile) func(texts) corefile.Cluster {
	return func(t texts) corefile.Cluster {
		cluster := known(t)
		if len(test.Found) == 0 {
			return cluster
		}
		cluster.Servers = nil
		for _, found := range test.Found {
			server := corefile.Server{
				Corefile: file(found.ConfigMap, "Corefile"), Path: "/etc/coredns/Corefile", Complete: true, Cache: found.Cache,
				Words:  "ConfigMap kube-system/" + found.ConfigMap,
				Mounts: []corefile.Mount{{Path: "/etc/coredns", ConfigMap: inKubeSystem(found.ConfigMap)}},
			}
			for folder, configMap := range found.Mounts {
				server.Mounts = append(server.Mounts, corefile.Mount{Path: folder, ConfigMap: inKubeSystem(configMap)})
			}
			cluster.Servers = append(cluster.Servers, server)
		}
		return cluster
	}
}

func expectRoundTrip(g Gomega, cluster func(texts) corefile.Cluster, before, after texts, written string) {
	again := settings()
	again.Written = written
	g.Expect(corefile.Install(cluster(after), again).Edits).To(BeEmpty(), "a second Install changes nothing")
	for about, s := range map[string]corefile.Settings{
		"with the ClusterIP": settings(),
		"with Written":       {Zones: settings().Zones, Written: written},
	} {
		gone := corefile.Uninstall(cluster(after), s)
		g.Expect(gone.Err).NotTo(HaveOccurred(), about)
		g.Expect(perform(after, gone)).To(Equal(before), about)
	}
}

// expectStarts asserts that CoreDNS starts with the input unless the case says otherwise.
func expectStarts(t *testing.T, test field.Corefile) {
	t.Helper()
	for configMap := range test.Ask {
		server, output := newNetwork(t).Start(t, mount(t, test, test.ConfigMaps, configMap), test.Environment...)
		NewWithT(t).Expect(server != nil).To(Equal(!test.Unstartable), strings.Join(output, "\n"))
	}
}

// expectServed compares CoreDNS's answers before and after.
func expectServed(t *testing.T, test field.Corefile, after texts) {
	t.Helper()
	g := NewWithT(t)
	others := append([]string{"example.com.", "nowhere.example.", "kubernetes.default.svc.cluster.local."}, test.Others...)
	for configMap, address := range test.Ask {
		network := newNetwork(t)
		server, output := network.Start(t, mount(t, test, test.ConfigMaps, configMap), test.Environment...)
		g.Expect(server).NotTo(BeNil(), strings.Join(output, "\n"))
		want := map[string][]string{}
		for _, name := range others {
			want[name] = answersOf(g, network, address, name, 1)
		}
		g.Expect(answersOf(g, network, address, probe, 1)).NotTo(Equal([]string{"NOERROR 10.0.0.9"}), "the zone is not served before")
		server.Stop()

		server, output = network.Start(t, mount(t, test, after, configMap), test.Environment...)
		g.Expect(server).NotTo(BeNil(), strings.Join(output, "\n"))
		g.Expect(answersOf(g, network, address, probe, repetitions)).To(Equal([]string{"NOERROR 10.0.0.9"}), "%s at %s", configMap, address)
		for _, name := range others {
			g.Expect(answersOf(g, network, address, name, repetitions)).To(Equal(want[name]), "%s at %s: %s", configMap, address, name)
		}
	}
}

// probe is a name of the DNS server behind the ClusterIP.
const probe = "app.gateway.cluster-a.dev-team.clusters.xcc.test."

// answersOf returns the distinct answers, sorted, to count queries over UDP and count over TCP.
func answersOf(g Gomega, network *coredns.Network, address, name string, count int) []string {
	answers := map[string]bool{}
	for range count {
		for _, transport := range []string{"udp", "tcp"} {
			response, err := network.Exchange(address, transport, new(dns.Msg).SetQuestion(name, dns.TypeA))
			g.Expect(err).NotTo(HaveOccurred(), "%s over %s for %s", address, transport, name)
			words := []string{dns.RcodeToString[response.Rcode]}
			for _, record := range response.Answer {
				words = append(words, dns.Field(record, 1))
			}
			answers[strings.Join(words, " ")] = true
		}
	}
	return slices.Sorted(maps.Keys(answers))
}

// newNetwork returns a network with an upstream without the zone, the DNS server and an API server.
func newNetwork(t *testing.T) *coredns.Network {
	t.Helper()
	network := coredns.NewNetwork(t)
	network.Serve(t, upstream, addressOf(map[string]string{"example.com.": "198.51.100.7"}))
	network.Serve(t, settings().ClusterIPs[0]+":53", addressOf(map[string]string{probe: "10.0.0.9"}))
	network.ServeKubernetes(t)
	return network
}

// addressOf returns a handler with one address for each name. It answers NXDOMAIN for other names.
func addressOf(addresses map[string]string) dns.Handler {
	return dns.HandlerFunc(func(w dns.ResponseWriter, query *dns.Msg) {
		response := new(dns.Msg).SetReply(query)
		question := query.Question[0]
		address, found := addresses[strings.ToLower(question.Name)]
		switch {
		case !found:
			response.Rcode = dns.RcodeNameError
		case question.Qtype == dns.TypeA:
			record, _ := dns.NewRR(question.Name + " 5 IN A " + address)
			response.Answer = append(response.Answer, record)
		}
		_ = w.WriteMsg(response)
	})
}

// corefileFolder is the folder of the Corefile in a container.
const corefileFolder = "/etc/coredns"

// mount writes a Corefile and its imports below a folder, like the kubelet below /etc, and returns
// the Corefile's folder. It replaces NodeLocal DNSCache's placeholders.
func mount(t *testing.T, test field.Corefile, cluster texts, configMap string) string {
	t.Helper()
	g := NewWithT(t)
	mounts := map[string]string{corefileFolder: configMap}
	if len(test.Found) == 0 && configMap != "node-local-dns" {
		mounts[corefileFolder+"/custom"] = corefile.Custom().Name
	}
	for _, server := range test.Found {
		if server.ConfigMap == configMap {
			maps.Copy(mounts, server.Mounts)
		}
	}
	replacements := []string{
		"__PILLAR__LOCAL__DNS__", "169.254.20.10", "__PILLAR__DNS__SERVER__", "10.0.0.10", "__PILLAR__UPSTREAM__SERVERS__", "192.0.2.1",
		"__PILLAR__CLUSTER__DNS__", "192.0.2.1",
	}
	here := filepath.Join(t.TempDir(), "coredns")
	folders := map[string]string{}
	// Deeper mounts first, because their paths begin with those of others.
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(mounts))) {
		relative, err := filepath.Rel(corefileFolder, path)
		g.Expect(err).NotTo(HaveOccurred())
		folders[path] = filepath.Join(here, relative)
		replacements = append(replacements, path+"/", relative+"/")
	}
	fill := strings.NewReplacer(replacements...)
	for path, name := range mounts {
		volume(t, folders[path], cluster[name], func(text string) string { return coredns.WithAPIServer(fill.Replace(text)) })
	}
	return here
}

// volume writes the keys of a ConfigMap like the kubelet: each is a link into a folder that is
// replaced by a rename.
func volume(t *testing.T, folder string, data map[string]string, change func(string) string) {
	t.Helper()
	g := NewWithT(t)
	const version, current = "..2026_01_02_03_04_05.123456789", "..data"
	g.Expect(os.MkdirAll(filepath.Join(folder, version), 0o755)).To(Succeed())
	g.Expect(os.Symlink(version, filepath.Join(folder, current))).To(Succeed())
	for key, text := range data {
		write(t, filepath.Join(folder, version, key), change(text))
		g.Expect(os.Symlink(filepath.Join(current, key), filepath.Join(folder, key))).To(Succeed())
	}
}
