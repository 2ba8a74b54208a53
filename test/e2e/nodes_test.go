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

// portsOfNodes is a gateway with a Pod on each node of cluster-a that nothing else needs.
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
		resolves(t, kind.host(), strings.Join(sorted(both+" "+nodes[0].Address6+" "+nodes[1].Address6), " "))
		fetches(t, kind.host()+":"+port)
		services(t, "_http._tcp."+kind.host(), "0,0,"+port+","+kind.host()+".")
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
	// A drain leaves the Pods of a DaemonSet: this one goes with the node's label.
	_, err = path.A.Kubectl(ctx, "label", "node", nodes[1].Name, "edge-")
	g.Expect(err).NotTo(HaveOccurred())
	for port, kind := range kinds {
		_, err := watches[port].untilAnswer(ctx, "NOERROR "+nodes[0].Address)
		g.Expect(err).NotTo(HaveOccurred())
		watches[port].expectOnly(t, "NOERROR "+both, "NOERROR "+nodes[0].Address)
		fetches(t, kind.host()+":"+port)
	}
}

func TestAGatewayOfTheGatewayAPIIsPublished(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	kind := gatewayKind{subdomain: "api", spec: "gateway: gateway/public"}
	kind.create(t, "api")
	g.Eventually(status(t, "api", "state")).WithTimeout(soon).Should(Equal("GatewayAPINotInstalled"))
	g.Expect(path.A.InstallGatewayAPI(ctx)).To(Succeed())
	g.Eventually(status(t, "api", "state")).WithTimeout(soon).Should(Equal("GatewayNotFound"))
	// No controller runs here: the test is one. The address is that of the other gateway, so that the page is there too.
	inClusterA(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: gateway}
spec:
  gatewayClassName: test
  listeners: [{name: http, protocol: HTTP, port: 80}]
`, "gateways.gateway.networking.k8s.io/public")
	g.Eventually(status(t, "api", "state")).WithTimeout(soon).Should(Equal("NoAddress"))
	_, err := path.A.Kubectl(ctx, "--namespace=gateway", "patch", "gateways.gateway.networking.k8s.io", "public", "--subresource=status", "--type=merge",
		`--patch={"status":{"addresses":[{"type":"IPAddress","value":"`+address(t)+`"}]}}`)
	g.Expect(err).NotTo(HaveOccurred())
	resolves(t, kind.host(), address(t))
	fetches(t, kind.host())
	services(t, "_http._tcp."+kind.host(), "0,0,80,"+kind.host()+".")
}
