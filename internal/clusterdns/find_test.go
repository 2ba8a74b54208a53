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

package clusterdns_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// objects are the objects of a cluster. Reads in unknown fail.
type objects struct {
	services    []*corev1.Service
	deployments []*appsv1.Deployment
	daemonSets  []*appsv1.DaemonSet
	configMaps  map[types.NamespacedName]*corev1.ConfigMap
	// unknown are the reads that return an error.
	unknown []string
	reads   []string
}

var errUnknown = errors.New("not listed yet")

func (o *objects) read(what string) error {
	o.reads = append(o.reads, what)
	if slices.Contains(o.unknown, what) {
		return fmt.Errorf("%s: %w", what, errUnknown)
	}
	return nil
}

func (o *objects) ServiceOf(ip netip.Addr) (*corev1.Service, error) {
	if err := o.read("service of " + ip.String()); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(o.services, func(s *corev1.Service) bool { return slices.Contains(s.Spec.ClusterIPs, ip.String()) })
	if i < 0 {
		return nil, nil
	}
	return o.services[i], nil
}

func (o *objects) Service(name types.NamespacedName) (*corev1.Service, error) {
	i := slices.IndexFunc(o.services, func(s *corev1.Service) bool { return s.Namespace == name.Namespace && s.Name == name.Name })
	if err := o.read("service " + name.String()); err != nil || i < 0 {
		return nil, err
	}
	return o.services[i], nil
}

func (o *objects) Deployments(namespace string) ([]*appsv1.Deployment, error) {
	return o.deployments, o.read("deployments in " + namespace)
}

func (o *objects) DaemonSets() ([]*appsv1.DaemonSet, error) {
	return o.daemonSets, o.read("daemonsets")
}

func (o *objects) ConfigMap(name types.NamespacedName) (*corev1.ConfigMap, error) {
	return o.configMaps[name], o.read("configmap " + name.String())
}

// parse returns the objects of manifests.
func parse(t *testing.T, manifests ...string) *objects {
	t.Helper()
	g := NewWithT(t)
	found := &objects{configMaps: map[types.NamespacedName]*corev1.ConfigMap{}}
	parsed, err := utilyaml.ToUnstructured([]byte(strings.Join(manifests, "\n---\n")))
	g.Expect(err).NotTo(HaveOccurred())
	for _, object := range parsed {
		text, err := yaml.Marshal(object.Object)
		g.Expect(err).NotTo(HaveOccurred())
		decode := func(into any) { g.Expect(yaml.UnmarshalStrict(text, into)).To(Succeed()) }
		switch object.GetKind() {
		case "Service":
			service := &corev1.Service{}
			decode(service)
			found.services = append(found.services, service)
		case "Deployment":
			deployment := &appsv1.Deployment{}
			decode(deployment)
			found.deployments = append(found.deployments, deployment)
		case "DaemonSet":
			daemonSet := &appsv1.DaemonSet{}
			decode(daemonSet)
			found.daemonSets = append(found.daemonSets, daemonSet)
		case "ConfigMap":
			configMap := &corev1.ConfigMap{}
			decode(configMap)
			found.configMaps[types.NamespacedName{Namespace: configMap.Namespace, Name: configMap.Name}] = configMap
		default:
			t.Fatal("unexpected kind " + object.GetKind())
		}
	}
	return found
}

func service(namespace, name, ip, app string) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {namespace: %s, name: %s}
spec: {clusterIPs: ["%s"], selector: {app: %s}}
`, namespace, name, ip, app)
}

// coreDNS returns a Deployment and its ConfigMap, mounted like those of kubeadm, k3s and the Helm chart.
func coreDNS(namespace, name, corefile string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {namespace: %[1]s, name: %[2]s}
spec:
  selector: {matchLabels: {app: %[2]s}}
  template:
    metadata: {labels: {app: %[2]s, pod: x}}
    spec:
      containers:
      - name: sidecar
        image: example.com/exporter:v1
      - name: coredns
        image: registry.k8s.io/coredns/coredns:v1.12.0
        args: [-conf, /etc/coredns/Corefile]
        volumeMounts:
        - {name: config, mountPath: /etc/coredns}
        - {name: custom, mountPath: /etc/coredns/custom}
        - {name: tmp, mountPath: /tmp}
      volumes:
      - {name: config, configMap: {name: %[2]s, items: [{key: Corefile, path: Corefile}, {key: NodeHosts, path: hosts}]}}
      - {name: custom, configMap: {name: %[2]s-custom, optional: true}}
      - {name: tmp, emptyDir: {}}
---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: %[1]s, name: %[2]s}
data:
  Corefile: %[3]q
`, namespace, name, corefile)
}

// nodeCache returns a DaemonSet of node-cache and its ConfigMap, like those of Kubernetes and Kubespray.
func nodeCache(name, corefile string, args ...string) string {
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: DaemonSet
metadata: {namespace: kube-system, name: %[1]s}
spec:
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata: {labels: {app: %[1]s}}
    spec:
      hostNetwork: true
      containers:
      - name: node-cache
        image: registry.k8s.io/dns/k8s-dns-node-cache:1.25.0
        args: ["%[3]s"]
        volumeMounts:
        - {name: config-volume, mountPath: /etc/coredns}
        - {name: lock, mountPath: /run/xtables.lock}
      volumes:
      - {name: config-volume, configMap: {name: %[1]s, items: [{key: Corefile, path: Corefile.base}]}}
      - {name: lock, hostPath: {path: /run/xtables.lock}}
---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: kube-system, name: %[1]s}
data: {Corefile: %[2]q}
`, name, corefile, strings.Join(args, `", "`))
}

const (
	serving = ".:53 {\n    errors\n    kubernetes cluster.local\n    forward . /etc/resolv.conf\n}\n"
	caching = "cluster.local:53 {\n    bind %[1]s\n    forward . %[2]s {\n        force_tcp\n    }\n}\n.:53 {\n    bind %[1]s\n    forward . /etc/resolv.conf\n}\n"
)

// locations returns the Corefiles of servers, with the prefix "cache " for a cache.
func locations(servers []corefile.Server) []string {
	found := []string{}
	for _, s := range servers {
		location := s.Corefile.ConfigMap.String() + "/" + s.Corefile.Key
		if s.Cache {
			location = "cache " + location
		}
		found = append(found, location)
	}
	return found
}

func TestFind(t *testing.T) {
	t.Parallel()
	onNodes := strings.NewReplacer("      containers:", "      hostNetwork: true\n      containers:", "kind: Deployment", "kind: DaemonSet")
	for name, test := range map[string]struct {
		objects []string
		// nameserver defaults to 10.96.0.10.
		nameserver string
		found      []string
		problem    string
	}{
		"CoreDNS behind the Service": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), coreDNS("kube-system", "coredns", serving)},
			found:   []string{"kube-system/coredns/Corefile"},
		},
		"a Helm release in its own namespace": {
			objects: []string{service("dns", "mine", "10.96.0.10", "mine-coredns"), coreDNS("dns", "mine-coredns", serving), coreDNS("kube-system", "coredns", serving)},
			found:   []string{"dns/mine-coredns/Corefile"},
		},
		"Kubespray's cache and the CoreDNS behind it": {
			nameserver: "169.254.25.10",
			objects: []string{
				nodeCache("nodelocaldns", fmt.Sprintf(caching, "169.254.25.10", "10.233.0.3"), "-localip", "169.254.25.10", "-conf", "/etc/Corefile", "-upstreamsvc", "coredns"),
				service("kube-system", "coredns", "10.233.0.3", "coredns"), coreDNS("kube-system", "coredns", serving),
			},
			found: []string{"kube-system/coredns/Corefile", "cache kube-system/nodelocaldns/Corefile"},
		},
		"a cache at the Service's ClusterIP on the nodes": {
			objects: []string{
				nodeCache("node-cache", fmt.Sprintf(caching, "__PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__", "__PILLAR__CLUSTER__DNS__"),
					"-localip", "169.254.20.10,10.96.0.10", "-conf", "/etc/Corefile", "-upstreamsvc", "kube-dns-upstream"),
				service("kube-system", "kube-dns-upstream", "10.96.0.11", "coredns"), service("kube-system", "kube-dns", "10.96.0.10", "coredns"),
				coreDNS("kube-system", "coredns", serving),
			},
			found: []string{"kube-system/coredns/Corefile", "cache kube-system/node-cache/Corefile"},
		},
		"a cache that is a plain CoreDNS": {
			nameserver: "fd00::53",
			objects: []string{
				onNodes.Replace(coreDNS("kube-system", "edge", fmt.Sprintf(caching, "fd00::53", "dns://10.96.0.99:53"))),
				service("dns", "central", "10.96.0.99", "central"), coreDNS("dns", "central", serving),
			},
			found: []string{"dns/central/Corefile", "cache kube-system/edge/Corefile"},
		},
		"a cache without a CoreDNS of the cluster behind it": {
			nameserver: "169.254.20.10",
			objects: []string{
				nodeCache("edge", fmt.Sprintf(caching, "169.254.20.10", "192.0.2.53"), "-localip=169.254.20.10", "--upstreamsvc=no_name"),
			},
			found: []string{"kube-system/edge/Corefile"},
		},
		"a cache that is bound to another address": {
			objects: []string{
				nodeCache("edge", fmt.Sprintf(caching, "169.254.20.10", "10.96.0.10"), "-localip", "169.254.20.10"),
				service("kube-system", "kube-dns", "10.96.0.10", "coredns"), coreDNS("kube-system", "coredns", serving),
			},
			found: []string{"kube-system/coredns/Corefile"},
		},
		"a Corefile as a single file": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.NewReplacer(
				"mountPath: /etc/coredns}", "mountPath: /etc/coredns/Corefile, subPath: Corefile}").Replace(coreDNS("kube-system", "coredns", serving))},
			found: []string{"kube-system/coredns/Corefile"},
		},
		"a Corefile with another name and a relative path": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.NewReplacer(
				"args: [-conf, /etc/coredns/Corefile]", "command: [/coredns, --conf=hosts]\n        workingDir: /etc/coredns", "  Corefile: \"", "  NodeHosts: \"").
				Replace(coreDNS("kube-system", "coredns", serving))},
			found: []string{"kube-system/coredns/NodeHosts"},
		},
		"a projected ConfigMap": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.NewReplacer(
				"configMap: {name: coredns, items: [{key: Corefile, path: Corefile}, {key: NodeHosts, path: hosts}]}", "projected: {sources: [{configMap: {name: coredns}}]}").
				Replace(coreDNS("kube-system", "coredns", serving))},
			found: []string{"kube-system/coredns/Corefile"},
		},
		"a Corefile that an init container writes": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.Replace(coreDNS("kube-system", "coredns", serving),
				"/etc/coredns/Corefile", "/tmp/Corefile", 1)},
			problem: "Pods ask 10.96.0.10, which is Service kube-system/kube-dns of Deployment kube-system/coredns: its Corefile /tmp/Corefile is in volume tmp of " +
				"Deployment kube-system/coredns, which is not a ConfigMap; annotate the Cluster with connectivity.tanzu.vmware.com/dns-corefile=<namespace>/<configmap>/<key>",
		},
		"a Corefile in the image": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.Replace(coreDNS("kube-system", "coredns", serving), "[-conf, /etc/coredns/Corefile]", "[]", 1)},
			problem: "its Corefile /Corefile is in no volume",
		},
		"a ConfigMap without the Corefile": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.Replace(coreDNS("kube-system", "coredns", serving), "  Corefile: \"", "  Other: \"", 1)},
			problem: "the Corefile in kube-system/coredns does not exist",
		},
		"a Corefile of half a megabyte": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), coreDNS("kube-system", "coredns", strings.Repeat(serving, 6000))},
			problem: "the Corefile in kube-system/coredns is longer than 256 kB",
		},
		"a list of hosts beside the Corefile": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), coreDNS("kube-system", "coredns", serving) +
				"  NodeHosts: \"" + strings.Repeat("192.0.2.1 a.example.com ", 30000) + "\"\n"},
			found: []string{"kube-system/coredns/Corefile"},
		},
		"a Corefile that an operator writes": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.Replace(coreDNS("kube-system", "coredns", serving), "name: coredns}\ndata",
				"name: coredns, ownerReferences: [{apiVersion: operator.openshift.io/v1, kind: DNS, name: default, uid: x, controller: true}]}\ndata", 1)},
			problem: "the Corefile in kube-system/coredns is managed by DNS default, which would undo a change",
		},
		"another program than CoreDNS": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "kube-dns"), strings.NewReplacer(
				"coredns/coredns:v1.12.0", "dns/k8s-dns-dnsmasq-nanny:1", "[-conf, /etc/coredns/Corefile]", "[--domain=cluster.local.]").Replace(coreDNS("kube-system", "kube-dns", serving))},
			problem: "Pods ask 10.96.0.10, which is Service kube-system/kube-dns of Deployment kube-system/kube-dns, which is not recognised as CoreDNS",
		},
		"a Service that selects no workload": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "other"), coreDNS("kube-system", "coredns", serving)},
			problem: "Pods ask 10.96.0.10, which is Service kube-system/kube-dns, which selects no Deployment and no DaemonSet",
		},
		"a Service without a selector": {
			objects: []string{strings.Replace(service("kube-system", "kube-dns", "10.96.0.10", "x"), "selector: {app: x}", "", 1)},
			problem: "Pods ask 10.96.0.10, which is Service kube-system/kube-dns without a selector",
		},
		"no Service, as with EKS Auto Mode": {
			objects: []string{coreDNS("kube-system", "coredns", serving)},
			problem: "Pods ask 10.96.0.10, which is the ClusterIP of no Service, and no DaemonSet with a Corefile in a ConfigMap is bound to it on the nodes",
		},
		"a nameserver that is none": {nameserver: "kube-dns\x1b[2J", problem: `Pods ask "kube-dns[2J", which is not an IP address`},
		"a path with characters that Kubernetes expands": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.Replace(coreDNS("kube-system", "coredns", serving), "mountPath: /tmp", "mountPath: /$(HOME)", 1)},
			problem: "the path of one of its volume mounts is not plain",
		},
		"an invalid name of a ConfigMap": {
			objects: []string{service("kube-system", "kube-dns", "10.96.0.10", "coredns"), strings.Replace(coreDNS("kube-system", "coredns", serving), "name: coredns-custom", `name: "*"`, 1)},
			problem: "one of its volumes is a ConfigMap whose name is invalid",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			nameserver := test.nameserver
			if nameserver == "" {
				nameserver = "10.96.0.10"
			}
			found, err := clusterdns.Find([]string{nameserver}, parse(t, test.objects...))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(locations(found.Servers)).To(Equal(append([]string{}, test.found...)))
			if test.problem == "" {
				g.Expect(found.Problem).To(BeEmpty())
			} else {
				g.Expect(found.Problem).To(ContainSubstring(test.problem))
			}
			g.Expect(len(found.Problem)).To(BeNumerically("<", 1100))
		})
	}
}

func TestFindReturnsTheMountsOfTheContainer(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	found, err := clusterdns.Find([]string{"10.96.0.10", "10.96.0.10"}, parse(t, service("kube-system", "kube-dns", "10.96.0.10", "coredns"), coreDNS("kube-system", "coredns", serving)))
	g.Expect(err).NotTo(HaveOccurred())
	name := types.NamespacedName{Namespace: "kube-system", Name: "coredns"}
	g.Expect(found.Servers).To(Equal([]corefile.Server{{
		Corefile: corefile.File{ConfigMap: name, Key: "Corefile"}, Path: "/etc/coredns/Corefile", Complete: true,
		Words: "ConfigMap kube-system/coredns of Deployment kube-system/coredns",
		Mounts: []corefile.Mount{
			{Path: "/etc/coredns", ConfigMap: name, Items: map[string]string{"Corefile": "Corefile", "hosts": "NodeHosts"}},
			{Path: "/etc/coredns/custom", ConfigMap: types.NamespacedName{Namespace: "kube-system", Name: "coredns-custom"}},
			{Path: "/tmp", Words: "volume tmp of Deployment kube-system/coredns, which is not a ConfigMap"},
		},
	}}))
}

func TestFindReadsAllKindsDespiteErrors(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	missing := parse(t, service("kube-system", "kube-dns", "10.96.0.10", "coredns"), coreDNS("kube-system", "coredns", serving))
	missing.unknown = []string{"daemonsets", "deployments in kube-system", "service of 10.96.0.11"}
	found, err := clusterdns.Find([]string{"10.96.0.10", "10.96.0.11"}, missing)
	g.Expect(err).To(MatchError(errUnknown))
	g.Expect(err).To(MatchError(And(ContainSubstring("daemonsets"), ContainSubstring("deployments"), ContainSubstring("10.96.0.11"))))
	g.Expect(found).To(BeZero())

	missing.unknown = []string{"configmap kube-system/coredns", "configmap kube-system/coredns-custom"}
	_, err = clusterdns.Find([]string{"10.96.0.10"}, missing)
	g.Expect(err).To(MatchError(And(ContainSubstring("kube-system/coredns"), ContainSubstring("kube-system/coredns-custom"))))
}

// A hostile API server can return any objects. The number of reads and the size of the result must be limited.
func TestFindIsLimited(t *testing.T) {
	t.Parallel()
	repeat := func(times int, manifest func(i int) string) []string {
		var manifests []string
		for i := range times {
			manifests = append(manifests, manifest(i))
		}
		return manifests
	}
	kubeDNS := service("kube-system", "kube-dns", "10.96.0.10", "all")
	selected := func(i int, text string) string {
		name := fmt.Sprintf("coredns-%03d", i)
		return strings.Replace(coreDNS("kube-system", name, text), "{app: "+name+", pod: x}", "{app: all}", 1)
	}
	for name, test := range map[string]struct {
		objects     []string
		nameservers []string
		// problem is a part of the message, what the kind of read, and most the limit of such reads.
		problem, read string
		most          int
	}{
		"Deployments that a Service selects": {
			objects: append(repeat(200, func(i int) string { return selected(i, serving) }), kubeDNS),
			problem: "Pods ask more than 8 servers", read: "configmap ", most: 16,
		},
		"addresses that a cache forwards to": {
			objects: []string{kubeDNS, selected(0, ".:53 {\n    forward ."+strings.Join(repeat(500, func(i int) string { return fmt.Sprintf(" 192.0.2.%d", i%250) }), "")+"\n}\n")},
			read:    "service of 192", most: 8,
		},
		"DaemonSets on the nodes": {
			objects: append(repeat(200, func(i int) string {
				return nodeCache(fmt.Sprintf("cache-%03d", i), fmt.Sprintf(caching, "169.254.20.10", "10.9.9.9"), "-conf", "/etc/Corefile")
			}), kubeDNS),
			problem: "More than 8 DaemonSets look like DNS servers", read: "configmap ", most: 8,
		},
		"ConfigMaps that servers mount": {
			objects: append(repeat(8, func(i int) string {
				mounts := repeat(10, func(j int) string { return fmt.Sprintf("        - {name: more-%d, mountPath: /more/%d}\n", j, j) })
				volumes := repeat(10, func(j int) string {
					return fmt.Sprintf("      - {name: more-%d, configMap: {name: more-%d-%d}}\n", j, i, j)
				})
				return strings.NewReplacer("        - {name: tmp,", strings.Join(mounts, "")+"        - {name: tmp,", "      - {name: tmp,", strings.Join(volumes, "")+"      - {name: tmp,").
					Replace(selected(i, serving))
			}), kubeDNS),
			problem: "read more than 16 ConfigMaps", read: "configmap ", most: 16,
		},
		"mounts of one container": {
			objects: []string{kubeDNS, strings.Replace(selected(0, serving), "        - {name: tmp,",
				strings.Join(repeat(20, func(j int) string { return fmt.Sprintf("        - {name: tmp, mountPath: /more/%d}\n", j) }), "")+"        - {name: tmp,", 1)},
			problem: "it has more than 16 volume mounts", read: "configmap ",
		},
		"text of Corefiles": {
			objects: append(repeat(4, func(i int) string { return selected(i, strings.Repeat(serving, 2800)) }), kubeDNS),
			problem: "Deployment kube-system/coredns-002: the Corefile in kube-system/coredns-002 is longer than 256 kB", read: "configmap ", most: 8,
		},
		"nameservers": {
			nameservers: repeat(1000, func(i int) string { return fmt.Sprintf("192.0.2.%d", i%250) }), read: "service of ", most: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			if test.nameservers == nil {
				test.nameservers = []string{"10.96.0.10"}
			}
			all := parse(t, test.objects...)
			found, err := clusterdns.Find(test.nameservers, all)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found.Problem).To(ContainSubstring(test.problem))
			g.Expect(len(found.Problem)).To(BeNumerically("<", 1100))
			g.Expect(len(found.Servers)).To(BeNumerically("<=", clusterdns.MaxServers))
			reads := slices.DeleteFunc(all.reads, func(read string) bool { return !strings.HasPrefix(read, test.read) })
			slices.Sort(reads)
			g.Expect(len(slices.Compact(reads))).To(BeNumerically("<=", test.most))
		})
	}
}

func TestFindReportsThatNoNameserverIsKnown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	none, err := clusterdns.Find(nil, &objects{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none.Problem).To(ContainSubstring("has not reported the nameservers"))
}
