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

package walkthrough

import (
	"context"
	"fmt"
	"time"
)

// patience is how long a step may take. The longest waits for kubelet to bring CoreDNS its new Corefile (up to about 90
// seconds) and for CoreDNS to reload it (up to 45).
const patience = 5 * time.Minute

// balancer is what a load balancer is called that has no address of its own.
const balancer = "gateway-1.elb.example.com"

// Install installs xcc and switches it on for both Clusters. It returns when the DNS servers run.
func (w *Walkthrough) Install(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("Install xcc on the management cluster")
	if err := w.steps(ctx,
		"clusterctl init --addon xcc --config $CLUSTERCTL_CONFIG --kubeconfig $MGMT",
		"kubectl --kubeconfig $MGMT --namespace xcc-system rollout status deployment/xcc-controller-manager --timeout 120s",
	); err != nil {
		return err
	}
	w.title("A label switches it on, per Cluster")
	w.Labelled = time.Now()
	if err := w.steps(ctx,
		"kubectl --kubeconfig $MGMT --namespace dev-team label cluster cluster-a cluster-b connectivity.tanzu.vmware.com/dns=enabled",
	); err != nil {
		return err
	}
	for _, cluster := range []string{"$A", "$B"} {
		if err := w.Shell.Until(ctx, "the ClusterResourceSet is applied and the Pods start",
			"kubectl --kubeconfig "+cluster+" --namespace xcc-dns rollout status deployment/dns-server deployment/dns-config-patcher --timeout 60s",
			`deployment "dns-config-patcher" successfully rolled out`); err != nil {
			return err
		}
		if err := w.Shell.Until(ctx, "the Corefile is patched",
			"kubectl --kubeconfig "+cluster+" --namespace xcc-dns get configmap dns-config-patcher --output 'jsonpath={.data.state}{\": \"}{.data.message}{\"\\n\"}'",
			"Forwarding"); err != nil {
			return err
		}
	}
	return w.steps(ctx, "kubectl --kubeconfig $MGMT --namespace dev-team get clusterresourcesets,clusterresourcesetbindings")
}

// Publish starts an application behind a gateway in cluster-a, and gives the gateway a name.
func (w *Walkthrough) Publish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("cluster-a: an application behind a gateway with a load balancer")
	if err := w.steps(ctx,
		"kubectl --kubeconfig $A apply --filename $W/application.yaml",
		"kubectl --kubeconfig $A --namespace gateway wait --for=condition=Available deployment/caddy --timeout 60s",
		"kubectl --kubeconfig $A wait --for=condition=Available deployment/kuard --timeout 60s",
		"kubectl --kubeconfig $A --namespace gateway get service caddy",
	); err != nil {
		return err
	}
	w.title("A GatewayDNS gives the gateway of each Cluster labelled hasGateway=true a name")
	if err := w.steps(ctx,
		"kubectl --kubeconfig $MGMT --namespace dev-team label cluster cluster-a hasGateway=true",
		"cat $W/gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT apply --filename $W/gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT --namespace dev-team wait --for=condition=Ready gatewaydns/dev-team-gateway-dns --timeout 60s",
		"kubectl --kubeconfig $MGMT --namespace dev-team get gatewaydns",
	); err != nil {
		return err
	}
	return w.Shell.Until(ctx, "the record is published in cluster-b",
		"kubectl --kubeconfig $B --namespace xcc-dns get endpointslices --selector endpointslice.kubernetes.io/managed-by=xcc.connectivity.tanzu.vmware.com",
		"cluster-a-ipv4")
}

// StartClients starts Pods with different resolvers in both clusters.
func (w *Walkthrough) StartClients(ctx context.Context) error {
	w.title("Pods in both clusters whose resolvers differ: glibc, musl and Go")
	for _, cluster := range []string{"$A", "$B"} {
		if err := w.steps(ctx,
			"kubectl --kubeconfig "+cluster+" apply --filename $W/clients.yaml",
			"kubectl --kubeconfig "+cluster+" wait --for=condition=Ready pod/client-glibc pod/client-musl pod/client-go --timeout 60s",
		); err != nil {
			return err
		}
	}
	return nil
}

// Fetch fetches the application's page in Pods of cluster-b.
func (w *Walkthrough) Fetch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("cluster-b: Pods fetch the page by the application's name")
	if err := w.Shell.Until(ctx, "kubelet brings CoreDNS its new Corefile within about 90 s, and CoreDNS reloads it within 45 s",
		"kubectl --kubeconfig $B exec client-glibc -- curl --silent --show-error --max-time 5 http://"+Hostname, Page); err != nil {
		return err
	}
	for _, client := range []string{"client-musl", "client-go"} {
		command := "kubectl --kubeconfig $B exec " + client + " -- /client get http://" + Hostname
		if err := w.Shell.Until(ctx, "the other CoreDNS Pod reloads its Corefile", command, Page); err != nil {
			return err
		}
	}
	return nil
}

// PublishOthers gives two more gateways of cluster-a names of their own: a load balancer with a host name, and node ports.
func (w *Walkthrough) PublishOthers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("cluster-a: a load balancer that has a host name, as on AWS, and a Service with node ports")
	address, err := w.A.Kubectl(ctx, "--namespace=gateway", "get", "service", "caddy", "--output=jsonpath={.status.loadBalancer.ingress[0].ip}")
	if err != nil {
		return err
	}
	// The resolver of the nodes is the cloud's public DNS here.
	if err := w.Rig.SetUpstream(balancer + ". A " + address); err != nil {
		return err
	}
	if err := w.steps(ctx,
		"kubectl --kubeconfig $A apply --filename $W/other-gateways.yaml",
		"# In a cloud its controller does this, and its public DNS knows the name: here as "+address,
		"kubectl --kubeconfig $A --namespace gateway patch service caddy-cloud --subresource=status --type=merge "+
			`--patch '{"status":{"loadBalancer":{"ingress":[{"hostname":"`+balancer+`"}]}}}'`,
		"kubectl --kubeconfig $A --namespace gateway get services",
	); err != nil {
		return err
	}
	w.title("Each gets a GatewayDNS with a subdomain of its own")
	return w.steps(ctx,
		"cat $W/other-gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT apply --filename $W/other-gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT --namespace dev-team wait --for=condition=Ready gatewaydns --all --timeout 60s",
		"kubectl --kubeconfig $MGMT --namespace dev-team get gatewaydns",
	)
}

// FetchOthers fetches the application's page by the other gateways' names.
func (w *Walkthrough) FetchOthers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("cluster-b: Pods fetch the page through them")
	for _, authority := range []string{CloudHostname, NodesHostname + ":30080"} {
		if err := w.Shell.Until(ctx, "the record reaches cluster-b",
			"kubectl --kubeconfig $B exec client-musl -- /client get http://"+authority, Page); err != nil {
			return err
		}
	}
	return nil
}

func (w *Walkthrough) steps(ctx context.Context, commands ...string) error {
	for _, command := range commands {
		if _, err := w.Shell.Run(ctx, command); err != nil {
			return fmt.Errorf("%w (the rig's logs are in %s)", err, w.Rig.Dir)
		}
	}
	return nil
}
