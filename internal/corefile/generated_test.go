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
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/coredns"
)

var (
	seeds     = flag.Uint64("seeds", 40, "the number of configurations that TestGeneratedCorefiles tries")
	firstSeed = flag.Uint64("first-seed", 1, "the seed of the first configuration")
)

// TestGeneratedCorefiles installs into random configurations and compares the answers of the real
// CoreDNS. A configuration with which CoreDNS does not start must be refused. For others, the zone
// must be forwarded and all other answers must be the same, or the configuration must be refused
// and left unchanged.
func TestGeneratedCorefiles(t *testing.T) {
	t.Parallel()
	if !coredns.Isolated(t) {
		return
	}
	var started, forwarded atomic.Int64
	t.Run("seed", func(t *testing.T) {
		for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				set := generate(rand.New(rand.NewPCG(seed, 0)))
				t.Cleanup(func() {
					if t.Failed() {
						t.Log(set)
					}
				})
				isStarted, isForwarded := set.judge(t)
				if isStarted {
					started.Add(1)
				}
				if isForwarded {
					forwarded.Add(1)
				}
			})
		}
	})
	t.Logf("CoreDNS starts with %d of %d, and %d of them are forwarded", started.Load(), *seeds, forwarded.Load())
	if *seeds >= 40 {
		NewWithT(t).Expect(forwarded.Load()*2).To(BeNumerically(">", started.Load()), "at least half of the valid configurations are supported")
	}
}

// set is the configuration of one CoreDNS.
type set struct {
	cluster corefile.Cluster
	server  corefile.Server
}

// String prints the files.
func (s set) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "read from %s, complete: %t\n", s.server.Path, s.server.Complete)
	for name, configMap := range s.cluster.ConfigMaps {
		for key, value := range configMap.Data {
			fmt.Fprintf(&text, "-- %s/%s --\n%s\n", name.Name, key, value)
		}
		for key, value := range configMap.BinaryData {
			fmt.Fprintf(&text, "-- %s/%s, binary --\n%s\n", name.Name, key, value)
		}
	}
	return text.String()
}

// generator generates a set of files. Most parts are valid on their own, so that their combination
// is tested.
type generator struct {
	*rand.Rand
	snippets []string
	zones    int
}

func (g *generator) one(of ...string) string {
	return of[g.IntN(len(of))]
}

// chance returns true with the given probability.
func (g *generator) chance(percent int) bool {
	return g.IntN(100) < percent
}

const folder = "/etc/coredns"

func generate(random *rand.Rand) set {
	g := &generator{Rand: random}
	name := inKubeSystem("coredns")
	server := corefile.Known()[0]
	if g.chance(30) {
		name = types.NamespacedName{Namespace: "dns", Name: "release-coredns"}
		server = corefile.Server{
			Corefile: corefile.File{ConfigMap: name, Key: "Corefile"}, Path: folder + "/Corefile", Complete: true,
			Mounts: []corefile.Mount{
				{Path: folder, ConfigMap: name},
				{Path: folder + "/custom", ConfigMap: corefile.Custom()},
				{Path: "/var/run/secrets/kubernetes.io/serviceaccount", Words: "a token"},
			},
		}
	}
	main, custom := map[string]string{}, corefile.ConfigMap{Data: map[string]string{}, BinaryData: map[string][]byte{}}
	if server.Complete && g.chance(40) {
		main["extra.conf"] = g.plugins(1)
	}
	custom.Data["option"] = "success 100\n"
	suffix := g.one("server", "server", "custom", "include")
	for i := range g.IntN(4) {
		g.put(custom, fmt.Sprintf("%c.%s", 'a'+rune(25*i%26), suffix), g.block())
	}
	for i := range g.IntN(3) {
		g.put(custom, fmt.Sprintf("%d.override", i), g.plugins(1))
	}
	if g.chance(10) {
		g.put(custom, "root."+suffix, g.rootBlock(suffix))
	}
	if g.chance(10) {
		g.put(custom, "snippet."+suffix, g.snippet())
	}
	main["Corefile"] = g.main(suffix)
	cluster := corefile.Cluster{Servers: []corefile.Server{server}, ConfigMaps: map[types.NamespacedName]corefile.ConfigMap{name: {Data: main}}}
	if len(custom.Data)+len(custom.BinaryData) > 0 || g.chance(50) {
		cluster.ConfigMaps[corefile.Custom()] = custom
	}
	return set{cluster: cluster, server: server}
}

// put adds a key, sometimes to the binary data.
func (g *generator) put(configMap corefile.ConfigMap, key, text string) {
	if g.chance(10) {
		configMap.BinaryData[key] = []byte(text)
		return
	}
	configMap.Data[key] = text
}

// main generates a main Corefile.
func (g *generator) main(suffix string) string {
	var parts []string
	for range g.IntN(4) {
		parts = append(parts, g.snippet())
	}
	if g.chance(10) {
		parts = append(parts, "import custom/*."+suffix+"\n")
	}
	if g.chance(92) {
		parts = append(parts, g.rootBlock(suffix))
	}
	for range g.IntN(3) {
		parts = append(parts, g.block())
	}
	if g.chance(60) {
		parts = append(parts, "import "+g.one("", "", folder+"/")+"custom/*."+suffix+"\n")
	}
	if g.chance(6) {
		parts = append(parts, "import "+g.one("custom/*.zone", "custom/*", "custom/a."+suffix, "missing", "*.conf", "custom/*."+suffix, "custom/[a-z]."+suffix, "{$FILE}")+"\n")
	}
	// Most snippets come before their imports.
	if g.chance(15) {
		g.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
	}
	return strings.Join(parts, g.one("", "\n", "# A comment.\n"))
}

func (g *generator) snippet() string {
	name := fmt.Sprintf("s%d", len(g.snippets))
	if len(g.snippets) > 0 && g.chance(5) {
		name = g.snippets[0]
	}
	body := g.plugins(2)
	if g.chance(10) {
		body += "import " + g.one(append(g.snippets, name)...) + "\n"
	} else if g.chance(10) {
		body = g.block()
	}
	g.snippets = append(g.snippets, name)
	return "(" + name + ") {\n" + body + "}\n"
}

// rootBlock generates a block for the root zone.
func (g *generator) rootBlock(suffix string) string {
	key := g.one(".:53", ".:53", ".:53", ".", "dns://.:53", ".:5353", ". .:5353", ".:5353 .:53", "tls://. .")
	body := "    forward . 192.0.2.7\n"
	if g.chance(15) {
		body = "    kubernetes cluster.local in-addr.arpa\n" + body
	}
	if g.chance(40) {
		body = g.plugins(1) + body
	}
	if g.chance(4) {
		body = "    multisocket 2\n" + body
	}
	if g.chance(35) {
		body = "    import " + g.one("custom/*.override", "custom/*.override", folder+"/custom/*.override", "custom/0.override", "*.conf", "custom/*."+suffix) + "\n" + body
	}
	return key + " {\n" + body + "}\n"
}

// block generates a block for another zone, sometimes for ours.
func (g *generator) block() string {
	g.zones++
	zone := fmt.Sprintf("z%d.test", g.zones)
	switch {
	case g.chance(3):
		zone = g.one("xcc.test", "XCC.test.", "a.test xcc.test")
	case g.chance(5):
		zone = g.one("z1.test", "10.0.0.0/8", "10.0.0.0/15", "sub.xcc.test", "test")
	}
	key := zone + g.one("", ":53", ":53", ":5353")
	return key + " {\n" + g.plugins(1) + "    template ANY ANY {\n        rcode NOTAUTH\n    }\n}\n" //nolint:dupword // Any class and any type.
}

// plugins generates lines with different plugins and imports of snippets.
func (g *generator) plugins(upTo int) string {
	var lines []string
	for range g.IntN(upTo + 1) {
		switch g.IntN(12) {
		case 0, 1, 2:
			lines = append(lines, "bind "+g.one("10.0.0.10", "10.0.0.10", "{$NODE_IP}", "{%NODE_IP%}", "10.0.0.10 127.0.0.1", "0.0.0.0", "lo", "\"10.0.0.10\""))
		case 3, 4, 5, 6:
			if len(g.snippets) > 0 {
				lines = append(lines, "import "+g.one(g.snippets...))
			}
		case 7:
			lines = append(lines, "errors")
		case 8:
			lines = append(lines, "cache 30 {\n        "+g.one("success 100", "denial 100", "import custom/option")+"\n    }")
		case 9:
			lines = append(lines, "log "+g.one("", ". {\n class error\n}"))
		case 10:
			lines = append(lines, g.one("import custom/*.override", "import custom/0.override", "import custom/a.server"))
		case 11:
			lines = append(lines, g.one("nsid {$NODE_IP}", "bufsize 1232", "minimal", "multisocket 3", "view v {\n expr true\n}"))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return "    " + strings.Join(lines, "\n    ") + "\n"
}

// endpoints are the addresses on which generated blocks can listen.
var endpoints = []string{"10.0.0.10:53", "127.0.0.1:53", "10.0.0.11:53", "10.0.0.10:5353", "127.0.0.1:5353", "10.0.0.11:5353"}

// otherNames must have the same answers as before.
var otherNames = []string{"example.com.", "nowhere.example.", "a.z1.test.", "z2.test.", "kubernetes.default.svc.cluster.local."}

// judge compares CoreDNS before and after Install. It returns whether CoreDNS starts before, and
// whether the zone is forwarded afterwards.
func (s set) judge(t *testing.T) (isStarted, isForwarded bool) {
	t.Helper()
	g := NewWithT(t)
	network := newNetwork(t)
	// The usual upstream's address is on the interface lo, to which blocks may be bound.
	network.Serve(t, "192.0.2.7:53", addressOf(map[string]string{"example.com.": "198.51.100.7"}))
	wants, wantSockets, output := s.serve(t, network, s.cluster, otherNames)
	isStarted = wants != nil
	plan := corefile.Install(s.cluster, settings())
	if plan.Err != nil {
		g.Expect(plan.Edits).To(BeEmpty(), "a refused configuration is unchanged")
		return isStarted, false
	}
	g.Expect(isStarted).To(BeTrue(), "CoreDNS does not start before us: %s", strings.Join(output, "\n"))
	after := edited(s.cluster, plan)
	again := settings()
	again.Written = plan.Written
	g.Expect(corefile.Install(after, again).Edits).To(BeEmpty(), "a second Install changes nothing")
	for about, settings := range map[string]corefile.Settings{"with the ClusterIP": settings(), "with the memory": {Zones: again.Zones, Written: again.Written}} {
		gone := corefile.Uninstall(after, settings)
		g.Expect(gone.Err).NotTo(HaveOccurred())
		g.Expect(edited(after, gone)).To(Equal(edited(s.cluster, corefile.Plan{})), about)
	}
	got, gotSockets, output := s.serve(t, network, after, append(otherNames, probe))
	g.Expect(got).NotTo(BeNil(), "CoreDNS does not start after us: %s\n%s", strings.Join(output, "\n"), set{after, s.server})
	g.Expect(gotSockets).To(Equal(wantSockets), "the sockets are the same")
	isAsked := false
	for endpoint, want := range wants {
		for _, name := range otherNames {
			g.Expect(got[endpoint][name]).To(Equal(want[name]), "%s at %s\n%s", name, endpoint, set{after, s.server})
		}
		// Pods do not query a socket that serves only some zones.
		if strings.Contains(want["example.com."], "NOERROR") && (strings.HasSuffix(endpoint, ":53") || !hasDefaultPort(wants)) {
			g.Expect(got[endpoint][probe]).To(Equal("NOERROR 10.0.0.9"), "at %s\n%s", endpoint, set{after, s.server})
			isAsked = true
		}
	}
	return true, isAsked
}

// hasDefaultPort returns whether the root zone is served on port 53.
func hasDefaultPort(answers map[string]map[string]string) bool {
	for endpoint, of := range answers {
		if strings.HasSuffix(endpoint, ":53") && strings.Contains(of["example.com."], "NOERROR") {
			return true
		}
	}
	return false
}

// edited returns the cluster after a plan, without empty maps.
func edited(cluster corefile.Cluster, plan corefile.Plan) corefile.Cluster {
	result := corefile.Cluster{Servers: cluster.Servers, ConfigMaps: map[types.NamespacedName]corefile.ConfigMap{}}
	for name, configMap := range cluster.ConfigMaps {
		result.ConfigMaps[name] = corefile.ConfigMap{Data: maps.Clone(configMap.Data), BinaryData: configMap.BinaryData}
	}
	for _, edit := range plan.Edits {
		if _, exists := result.ConfigMaps[edit.ConfigMap]; !exists {
			result.ConfigMaps[edit.ConfigMap] = corefile.ConfigMap{Data: map[string]string{}}
		}
		if edit.Delete {
			delete(result.ConfigMaps[edit.ConfigMap].Data, edit.Key)
		} else {
			result.ConfigMaps[edit.ConfigMap].Data[edit.Key] = edit.Text
		}
	}
	if custom := result.ConfigMaps[corefile.Custom()]; len(custom.Data)+len(custom.BinaryData) == 0 {
		delete(result.ConfigMaps, corefile.Custom())
	}
	return result
}

// serve starts CoreDNS and returns its distinct answers by endpoint and name, and its sockets. It
// returns nil if CoreDNS does not start.
func (s set) serve(t *testing.T, network *coredns.Network, cluster corefile.Cluster, names []string) (answers map[string]map[string]string, sockets []string, output []string) {
	t.Helper()
	server, output := network.Start(t, s.mount(t, cluster), "NODE_IP=10.0.0.10", "FILE=custom/a.server")
	if server == nil {
		return nil, nil, output
	}
	defer server.Stop()
	answers = map[string]map[string]string{}
	for _, endpoint := range endpoints {
		answers[endpoint] = map[string]string{}
		for _, name := range names {
			answers[endpoint][name] = answerOf(network, endpoint, name)
		}
	}
	return answers, listening(t, network), output
}

// answerOf returns the distinct answers to a dozen queries over UDP and one over TCP.
func answerOf(network *coredns.Network, endpoint, name string) string {
	found := map[string]bool{}
	for i := range 13 {
		transport := "udp"
		if i == 0 {
			transport = "tcp"
		}
		response, err := network.Exchange(endpoint, transport, new(dns.Msg).SetQuestion(name, dns.TypeA))
		if err != nil {
			return "no answer"
		}
		words := []string{dns.RcodeToString[response.Rcode]}
		for _, record := range response.Answer {
			words = append(words, dns.Field(record, 1))
		}
		found[strings.Join(words, " ")] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ", ")
}

// listening returns the sockets on the generated ports: the protocol, and the address and the port
// in hexadecimal.
func listening(t *testing.T, network *coredns.Network) []string {
	t.Helper()
	var sockets []string
	for _, protocol := range []string{"udp", "udp6", "tcp", "tcp6"} {
		var table []byte
		var err error
		network.Do(func() { table, err = os.ReadFile("/proc/thread-self/net/" + protocol) })
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			if len(fields) < 4 || !strings.HasSuffix(fields[2], ":0000") {
				continue
			}
			if local := fields[1]; strings.HasSuffix(local, ":0035") || strings.HasSuffix(local, ":14E9") {
				sockets = append(sockets, protocol+" "+local)
			}
		}
	}
	slices.Sort(sockets)
	return sockets
}

// mount writes the files of a server like the kubelet, and returns the folder in place of
// /etc/coredns.
func (s set) mount(t *testing.T, cluster corefile.Cluster) string {
	t.Helper()
	root := t.TempDir()
	replace := strings.NewReplacer(folder+"/", root+"/")
	main := cluster.ConfigMaps[s.server.Corefile.ConfigMap]
	if !s.server.Complete {
		main = corefile.ConfigMap{Data: map[string]string{"Corefile": main.Data["Corefile"]}}
	}
	mountConfigMap(t, root, main, replace)
	if custom, exists := cluster.ConfigMaps[corefile.Custom()]; exists {
		mountConfigMap(t, filepath.Join(root, "custom"), custom, replace)
	}
	return root
}

func mountConfigMap(t *testing.T, path string, configMap corefile.ConfigMap, replace *strings.Replacer) {
	t.Helper()
	g := NewWithT(t)
	files := map[string]string{}
	maps.Copy(files, configMap.Data)
	for key, content := range configMap.BinaryData {
		files[key] = string(content)
	}
	const data = "..2026_01_02_03_04_05.678901234"
	g.Expect(os.MkdirAll(filepath.Join(path, data), 0o755)).To(Succeed())
	g.Expect(os.Symlink(data, filepath.Join(path, "..data"))).To(Succeed())
	for key, text := range files {
		write(t, filepath.Join(path, data, key), coredns.WithAPIServer(replace.Replace(text)))
		g.Expect(os.Symlink(filepath.Join("..data", key), filepath.Join(path, key))).To(Succeed())
	}
}
