//go:build e2e

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

package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/walkthrough"
)

// gatewayKind is a GatewayDNS for a gateway of cluster-a. Its name is also its subdomain.
type gatewayKind struct {
	subdomain string
	// spec are the fields that select the gateway.
	spec string
}

// host returns a name of the application behind the gateway.
func (k gatewayKind) host() string {
	return "kuard." + k.subdomain + ".cluster-a." + namespace + ".clusters." + zone
}

// create creates the GatewayDNS, and deletes it with the test.
func (k gatewayKind) create(t *testing.T, name string) {
	t.Helper()
	NewWithT(t).Expect(path.Management.Apply(t.Context(), fmt.Sprintf(`
apiVersion: connectivity.tanzu.vmware.com/v1alpha1
kind: GatewayDNS
metadata: {name: %s, namespace: %s}
spec: {clusterSelector: {matchLabels: {hasGateway: "true"}}, subdomain: %s, %s}
`, name, namespace, k.subdomain, k.spec))).To(Succeed())
	t.Cleanup(func() { remove(t, path.Management.Cluster, "--namespace="+namespace, "gatewaydns/"+name) })
}

// remove deletes objects and waits until they are gone.
func remove(t *testing.T, cluster *rig.Cluster, args ...string) {
	t.Helper()
	_, err := cluster.Kubectl(context.Background(), append([]string{"delete", "--ignore-not-found", "--timeout=60s"}, args...)...)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
}

// inClusterA creates objects in the gateways' namespace of cluster-a, and deletes them with the
// test.
func inClusterA(t *testing.T, manifest string, objects ...string) {
	t.Helper()
	NewWithT(t).Expect(path.A.Apply(t.Context(), manifest)).To(Succeed())
	t.Cleanup(func() { remove(t, path.A, append([]string{"--namespace=gateway"}, objects...)...) })
}

// status returns a field of the gateway of cluster-a in the status of a GatewayDNS.
func status(t *testing.T, name, field string) func() (string, error) {
	t.Helper()
	return func() (string, error) {
		return path.Management.Kubectl(t.Context(), "--namespace="+namespace, "get", "gatewaydns", name,
			"--output=jsonpath={.status.gateways[?(@.cluster==\"cluster-a\")]."+field+"}")
	}
}

// resolves waits until Pods of cluster-b with every resolver resolve a name to the addresses.
func resolves(t *testing.T, host, addresses string) {
	t.Helper()
	g := NewWithT(t)
	for _, client := range clients {
		g.Eventually(func() (string, error) {
			out, err := path.B.Exec(t.Context(), "default", client, "/client", "resolve", host)
			return strings.Join(sorted(out), " "), err
		}).WithTimeout(soon).WithPolling(200*time.Millisecond).Should(Equal(addresses), "%s asks for %s", client, host)
	}
}

// fetches asserts that Pods of cluster-b with every resolver can fetch the application's page.
func fetches(t *testing.T, authority string) {
	t.Helper()
	for _, client := range clients {
		NewWithT(t).Eventually(func() (string, error) {
			return path.B.Exec(t.Context(), "default", client, "/client", "get", "http://"+authority)
		}).WithTimeout(soon).WithPolling(200*time.Millisecond).Should(ContainSubstring(walkthrough.Page), client)
	}
}

// services waits until a Pod of cluster-b gets the SRV records of a name, as priority, weight, port
// and target.
func services(t *testing.T, name string, records ...string) {
	t.Helper()
	watch := startGapless(t, path.B, name, "SRV")
	_, err := watch.untilAnswer(t.Context(), "NOERROR "+strings.Join(records, " "))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	watch.stop()
}

func TestTheNameWithoutTheWildcardResolves(t *testing.T) {
	_, bare, _ := strings.Cut(hostname, ".")
	resolves(t, bare, address(t))
	services(t, "_http._tcp."+bare, "0,0,80,"+bare+".")
}

// The other tests start without the further objects of the demo.
func TestTheWalkthroughWithOtherKindsOfGateways(t *testing.T) {
	g := NewWithT(t)
	t.Cleanup(func() {
		remove(t, path.Management.Cluster, "--filename="+path.Folder+"/other-gatewaydns.yaml")
		remove(t, path.A, "--filename="+path.Folder+"/other-gateways.yaml")
		g.Expect(path.Rig.SetUpstream()).To(Succeed())
	})
	g.Expect(path.PublishOthers(t.Context())).To(Succeed())
	g.Expect(path.FetchOthers(t.Context())).To(Succeed())
	fetches(t, walkthrough.CloudHostname)
	fetches(t, walkthrough.NodesHostname+":30080")
}

func TestALoadBalancerOfBothFamiliesIsPublished(t *testing.T) {
	g := NewWithT(t)
	kind := gatewayKind{subdomain: "both", spec: "service: gateway/both"}
	inClusterA(t, `
apiVersion: v1
kind: Service
metadata: {name: both, namespace: gateway}
spec:
  type: LoadBalancer
  ipFamilyPolicy: RequireDualStack
  ipFamilies: [IPv4, IPv6]
  selector: {app: caddy}
  ports: [{name: http, port: 80, targetPort: http}]
`, "service/both")
	kind.create(t, "both")
	g.Eventually(status(t, "both", "state")).WithTimeout(soon).Should(Equal("Resolved"))
	ingress, err := path.A.Kubectl(t.Context(), "--namespace=gateway", "get", "service", "both", "--output=jsonpath={.status.loadBalancer.ingress[*].ip}")
	g.Expect(err).NotTo(HaveOccurred())
	addresses := strings.Fields(ingress)
	g.Expect(addresses).To(HaveLen(2))
	for i, recordType := range []string{"A", "AAAA"} {
		watch := startGapless(t, path.B, kind.host(), recordType)
		_, err := watch.untilAnswer(t.Context(), "NOERROR "+addresses[i])
		g.Expect(err).NotTo(HaveOccurred())
		watch.stop()
	}
	fetches(t, kind.host())
	services(t, "_http._tcp."+kind.host(), "0,0,80,"+kind.host()+".")

	t.Log("An annotation of the Cluster excludes one of them")
	annotate := func(value string) {
		_, err := path.Management.Kubectl(context.Background(), "--namespace="+namespace, "annotate", "--overwrite", "cluster.cluster.x-k8s.io/cluster-a",
			"connectivity.tanzu.vmware.com/gateway-address-ranges"+value)
		g.Expect(err).NotTo(HaveOccurred())
	}
	t.Cleanup(func() { annotate("-") })
	annotate("=!" + addresses[1] + "/128")
	resolves(t, kind.host(), addresses[0])
	annotate("=!" + addresses[0] + "/32")
	resolves(t, kind.host(), addresses[1])
	annotate("-")
	resolves(t, kind.host(), strings.Join(sorted(ingress), " "))

	t.Log("The load balancer has only an IPv6 address")
	g.Expect(path.A.SetLoadBalancer(t.Context(), "gateway", "both", corev1.LoadBalancerIngress{IP: addresses[1]})).To(Succeed())
	resolves(t, kind.host(), addresses[1])
	fetches(t, kind.host())
}

func TestALoadBalancerWithAHostNameIsFollowed(t *testing.T) {
	g := NewWithT(t)
	const balancer = "balancer-1.elb.example.com"
	kind := gatewayKind{subdomain: "elb", spec: "service: gateway/elb"}
	before, after := address(t), otherAddress(t)
	records := func(addresses ...string) []string {
		lines := []string{balancer + ". CNAME front." + balancer + "."}
		for _, address := range addresses {
			lines = append(lines, "front."+balancer+". A "+address)
		}
		return lines
	}
	t.Cleanup(func() { g.Expect(path.Rig.SetUpstream()).To(Succeed()) })
	g.Expect(path.Rig.SetUpstream(records(before)...)).To(Succeed())
	// The rig's cloud provider ignores Services with a class.
	inClusterA(t, `
apiVersion: v1
kind: Service
metadata: {name: elb, namespace: gateway}
spec:
  type: LoadBalancer
  loadBalancerClass: example.com/elb
  selector: {app: caddy}
  ports: [{name: http, port: 80, targetPort: http}]
`, "service/elb")
	g.Expect(path.A.SetLoadBalancer(t.Context(), "gateway", "elb", corev1.LoadBalancerIngress{Hostname: balancer})).To(Succeed())
	kind.create(t, "elb")
	g.Eventually(status(t, "elb", "addresses[*]")).WithTimeout(soon).Should(Equal(balancer))
	resolves(t, kind.host(), before)
	fetches(t, kind.host())

	t.Log("The addresses of the host name change, like those of a cloud's load balancer")
	watch := startGapless(t, path.B, kind.host(), "A")
	g.Expect(path.Rig.SetUpstream(records(after)...)).To(Succeed())
	_, err := watch.untilAnswer(t.Context(), "NOERROR "+after)
	g.Expect(err).NotTo(HaveOccurred())
	watch.expectOnly(t, "NOERROR "+before, "NOERROR "+after)
	resolves(t, kind.host(), after)
}

func TestAnOverrideReplacesTheFoundAddresses(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	before := address(t)
	override := func(value string) {
		_, err := path.Management.Kubectl(context.Background(), "--namespace="+namespace, "annotate", "--overwrite", "cluster.cluster.x-k8s.io/cluster-a",
			"connectivity.tanzu.vmware.com/gateway-addresses"+value)
		g.Expect(err).NotTo(HaveOccurred())
	}
	t.Cleanup(func() { override("-") })
	watch := startWatch(t, path.B, clusterDNS, hostname, 20*time.Millisecond)
	override("=192.0.2.7")
	_, err := watch.untilAnswer(ctx, "NOERROR 192.0.2.7")
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(gateway(t, "state")).WithTimeout(soon).Should(Equal("Overridden"))

	t.Log("An invalid annotation changes no answer")
	override("=300.1.2.3")
	g.Eventually(gateway(t, "state")).WithTimeout(soon).Should(Equal("InvalidOverride"))
	override("-")
	_, err = watch.untilAnswer(ctx, "NOERROR "+before)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(gateway(t, "state")).WithTimeout(soon).Should(Equal("Resolved"))
	g.Expect(watch.stop()).To(Equal([]string{"NOERROR " + before, "NOERROR 192.0.2.7", "NOERROR " + before}))
}

func TestTheEarlierClaimHoldsANameUntilItEnds(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	kind := gatewayKind{subdomain: "contested", spec: "service: gateway/caddy"}
	kind.create(t, "zz-first")
	g.Eventually(status(t, "zz-first", "state")).WithTimeout(soon).Should(Equal("Resolved"))
	inClusterA(t, `
apiVersion: v1
kind: Service
metadata: {name: second, namespace: gateway}
spec:
  type: LoadBalancer
  selector: {app: caddy}
  ports: [{name: http, port: 80, targetPort: http}]
`, "service/second")
	second := gatewayKind{subdomain: kind.subdomain, spec: "service: gateway/second"}
	watch := startGapless(t, path.B, kind.host(), "A")
	_, err := watch.untilAnswer(ctx, "NOERROR "+address(t))
	g.Expect(err).NotTo(HaveOccurred())
	watch.stop()
	watch = startGapless(t, path.B, kind.host(), "A")
	second.create(t, "aa-second")
	g.Eventually(status(t, "aa-second", "state")).WithTimeout(soon).Should(Equal("Conflicted"))
	g.Expect(status(t, "aa-second", "message")()).To(ContainSubstring("zz-first"))

	t.Log("The later claim holds the name once the earlier one has ended")
	ip := func() (string, error) {
		return path.A.Kubectl(ctx, "--namespace=gateway", "get", "service", "second", "--output=jsonpath={.status.loadBalancer.ingress[*].ip}")
	}
	g.Eventually(ip).WithTimeout(soon).ShouldNot(BeEmpty())
	next, err := ip()
	g.Expect(err).NotTo(HaveOccurred())
	remove(t, path.Management.Cluster, "--namespace="+namespace, "gatewaydns/zz-first")
	_, err = watch.untilAnswer(ctx, "NOERROR "+next)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(status(t, "aa-second", "state")).WithTimeout(soon).Should(Equal("Resolved"))
	// The name may not exist for a moment in between, because the first GatewayDNS is deleted.
	watch.expectOnly(t, "NOERROR "+address(t), "NXDOMAIN", "NOERROR "+next)
}
