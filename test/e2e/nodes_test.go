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
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// portsOfNodes is a gateway with a Pod on each node of cluster-a. Only this test uses it.
const portsOfNodes = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: edge, namespace: gateway}
spec:
  selector: {matchLabels: {app: edge}}
  template:
    metadata: {labels: {app: edge}}
    spec:
      nodeSelector: {edge: "true"}
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      terminationGracePeriodSeconds: 1
      containers:
      - name: caddy
        image: IMAGE
        args: [respond, --listen, ":8088", --body, "Hello from kuard in cluster-a\n"]
        ports: [{name: http, containerPort: 8088, hostPort: 8088}]
        readinessProbe: {tcpSocket: {port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: edge, namespace: gateway}
spec:
  type: NodePort
  selector: {app: edge}
  ports: [{name: http, port: 80, targetPort: http, nodePort: 30088}]
`

func TestNodeAndHostPortsFollowTheNodes(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	image, err := rig.BuildImage(ctx, "caddy")
	g.Expect(err).NotTo(HaveOccurred())
	inClusterA(t, strings.ReplaceAll(portsOfNodes, "IMAGE", image.Reference), "daemonset/edge", "service/edge")
	_, err = path.A.Kubectl(ctx, "label", "node", "--all", "--overwrite", "edge=true")
	g.Expect(err).NotTo(HaveOccurred())
	nodes := path.A.Nodes()
	g.Expect(nodes).To(HaveLen(2))
	both := strings.Join(sorted(nodes[0].Address+" "+nodes[1].Address), " ")
	kinds := map[string]gatewayKind{
		"30088": {subdomain: "nodes", spec: "service: gateway/edge, resolutionType: nodePort"},
		"8088":  {subdomain: "hosts", spec: "service: gateway/edge, resolutionType: hostPort"},
	}
	for port, kind := range kinds {
		kind.create(t, kind.subdomain)
		g.Eventually(status(t, kind.subdomain, "state")).WithTimeout(soon).Should(Equal("Resolved"), kind.subdomain)
		resolves(t, kind.host(), both)
		fetches(t, kind.host()+":"+port)
		services(t, "_http._tcp."+kind.host(), "0,0,"+port+","+kind.host()+".")
	}

	t.Log("The nodes' IPv6 addresses are published if the Service has IPv6")
	_, err = path.A.Kubectl(ctx, "--namespace=gateway", "patch", "service", "edge", `--patch={"spec":{"ipFamilyPolicy":"RequireDualStack"}}`)
	g.Expect(err).NotTo(HaveOccurred())
	for port, kind := range kinds {
		resolves(t, kind.host(), strings.Join(sorted(both+" "+nodes[0].Address6+" "+nodes[1].Address6), " "))
		fetches(t, kind.host()+":"+port)
	}

	t.Log("A drained node drops out")
	watches := map[string]*gapless{}
	for port, kind := range kinds {
		watches[port] = startGapless(t, path.B, kind.host(), "A")
	}
	t.Cleanup(func() {
		_, err := path.A.Kubectl(context.Background(), "uncordon", nodes[1].Name)
		g.Expect(err).NotTo(HaveOccurred())
	})
	_, err = path.A.Kubectl(ctx, "drain", "--force", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s", nodes[1].Name)
	g.Expect(err).NotTo(HaveOccurred())
	// A drain does not evict Pods of a DaemonSet. The label's removal deletes this one.
	_, err = path.A.Kubectl(ctx, "label", "node", nodes[1].Name, "edge-")
	g.Expect(err).NotTo(HaveOccurred())
	for port, kind := range kinds {
		_, err := watches[port].untilAnswer(ctx, "NOERROR "+nodes[0].Address)
		g.Expect(err).NotTo(HaveOccurred())
		watches[port].expectOnly(t, "NOERROR "+both, "NOERROR "+nodes[0].Address)
		fetches(t, kind.host()+":"+port)
	}

	t.Log("The uncordoned node is back for node ports, which need no Pod on the node")
	back := startGapless(t, path.B, kinds["30088"].host(), "A")
	_, err = path.A.Kubectl(ctx, "uncordon", nodes[1].Name)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = back.untilAnswer(ctx, "NOERROR "+both)
	g.Expect(err).NotTo(HaveOccurred())
	back.expectOnly(t, "NOERROR "+nodes[0].Address, "NOERROR "+both)
	g.Expect(status(t, "hosts", "addresses[*]")()).NotTo(ContainSubstring(nodes[1].Address))
}

// portOfOneHost is a gateway with one Pod, which prefers the second node of cluster-a.
const portOfOneHost = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: wanderer, namespace: gateway}
spec:
  selector: {matchLabels: {app: wanderer}}
  template:
    metadata: {labels: {app: wanderer}}
    spec:
      affinity:
        nodeAffinity:
          preferredDuringSchedulingIgnoredDuringExecution:
          - weight: 100
            preference: {matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [NODE]}]}
      hostNetwork: true
      dnsPolicy: ClusterFirstWithHostNet
      terminationGracePeriodSeconds: 1
      containers:
      - name: caddy
        image: IMAGE
        args: [respond, --listen, ":8089", --body, "Hello from kuard in cluster-a\n"]
        ports: [{name: http, containerPort: 8089, hostPort: 8089}]
        readinessProbe: {tcpSocket: {port: http}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: wanderer, namespace: gateway}
spec:
  selector: {app: wanderer}
  ports: [{name: http, port: 80, targetPort: http}]
`

func TestAHostPortFollowsAnEvictedPod(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	image, err := rig.BuildImage(ctx, "caddy")
	g.Expect(err).NotTo(HaveOccurred())
	nodes := path.A.Nodes()
	g.Expect(nodes).To(HaveLen(2))
	inClusterA(t, strings.NewReplacer("IMAGE", image.Reference, "NODE", nodes[1].Name).Replace(portOfOneHost), "deployment/wanderer", "service/wanderer")
	kind := gatewayKind{subdomain: "wanderer", spec: "service: gateway/wanderer, resolutionType: hostPort"}
	kind.create(t, kind.subdomain)
	watch := startGapless(t, path.B, kind.host(), "A")
	_, err = watch.untilAnswer(ctx, "NOERROR "+nodes[1].Address)
	g.Expect(err).NotTo(HaveOccurred())
	watch.stop()
	fetches(t, kind.host()+":8089")

	watch = startGapless(t, path.B, kind.host(), "A")
	t.Cleanup(func() {
		_, err := path.A.Kubectl(context.Background(), "uncordon", nodes[1].Name)
		g.Expect(err).NotTo(HaveOccurred())
	})
	_, err = path.A.Kubectl(ctx, "drain", "--force", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s", nodes[1].Name)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = watch.untilAnswer(ctx, "NOERROR "+nodes[0].Address)
	g.Expect(err).NotTo(HaveOccurred())
	// While the Pod starts on the other node, the name does not exist. The IPv4 and IPv6 slices
	// change one after the other.
	watch.expectOnly(t, "NOERROR "+nodes[1].Address, "NOERROR", "NXDOMAIN", "NOERROR "+nodes[0].Address)
	fetches(t, kind.host()+":8089")
	services(t, "_http._tcp."+kind.host(), "0,0,8089,"+kind.host()+".")
}

func TestAGatewayOfTheGatewayAPIIsPublished(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	kind := gatewayKind{subdomain: "api", spec: "gateway: gateway/public"}
	kind.create(t, "api")
	g.Eventually(status(t, "api", "state")).WithTimeout(soon).Should(Equal("GatewayAPINotInstalled"))
	g.Expect(path.A.InstallGatewayAPI(ctx)).To(Succeed())
	g.Eventually(status(t, "api", "state")).WithTimeout(soon).Should(Equal("GatewayNotFound"))
	// The test acts as the Gateway's controller. It uses the address of the other gateway, so the
	// page can be fetched.
	inClusterA(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: gateway}
spec:
  gatewayClassName: test
  listeners: [{name: http, protocol: HTTP, port: 80}]
`, "gateways.gateway.networking.k8s.io/public")
	g.Eventually(status(t, "api", "state")).WithTimeout(soon).Should(Equal("NoAddress"))
	setAddress := func(addressType, value string) {
		_, err := path.A.Kubectl(ctx, "--namespace=gateway", "patch", "gateways.gateway.networking.k8s.io", "public", "--subresource=status", "--type=merge",
			`--patch={"status":{"addresses":[{"type":"`+addressType+`","value":"`+value+`"}]}}`)
		g.Expect(err).NotTo(HaveOccurred())
	}
	setAddress("IPAddress", address(t))
	resolves(t, kind.host(), address(t))
	fetches(t, kind.host())
	services(t, "_http._tcp."+kind.host(), "0,0,80,"+kind.host()+".")

	t.Log("A ListenerSet adds a port")
	_, err := path.A.Kubectl(ctx, "--namespace=gateway", "patch", "gateways.gateway.networking.k8s.io", "public", "--type=merge",
		`--patch={"spec":{"allowedListeners":{"namespaces":{"from":"Same"}}}}`)
	g.Expect(err).NotTo(HaveOccurred())
	inClusterA(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: admin, namespace: gateway}
spec:
  parentRef: {name: public}
  listeners: [{name: admin, protocol: HTTP, port: 8080}]
`, "listenersets.gateway.networking.k8s.io/admin")
	_, err = path.A.Kubectl(ctx, "--namespace=gateway", "patch", "listenersets.gateway.networking.k8s.io", "admin", "--subresource=status", "--type=merge",
		`--patch={"status":{"conditions":[{"type":"Accepted","status":"True","reason":"Accepted","message":"","lastTransitionTime":"2026-01-01T00:00:00Z"}]}}`)
	g.Expect(err).NotTo(HaveOccurred())
	services(t, "_admin._tcp."+kind.host(), "0,0,8080,"+kind.host()+".")

	t.Log("A host name replaces the address")
	const front = "gateway-1.cloud.example.com"
	t.Cleanup(func() { g.Expect(path.Rig.SetUpstream()).To(Succeed()) })
	g.Expect(path.Rig.SetUpstream(front + ". A " + address(t))).To(Succeed())
	watch := startGapless(t, path.B, kind.host(), "A")
	setAddress("Hostname", front)
	g.Eventually(status(t, "api", "addresses[*]")).WithTimeout(soon).Should(Equal(front))
	g.Eventually(hostNames(t)).WithTimeout(soon).Should(Equal(front), "it is published in cluster-b")
	resolves(t, kind.host(), address(t))
	fetches(t, kind.host())
	watch.expectOnly(t, "NOERROR "+address(t))
}
