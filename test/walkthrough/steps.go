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

// patience is the timeout of a step. The longest step waits for kubelet to sync the new Corefile (up to about 90 seconds) and
// for CoreDNS to reload it (up to 45).
const patience = 5 * time.Minute

// balancer is the host name of a load balancer without an address.
const balancer = "gateway-1.elb.example.com"

// Install installs xcc and enables it for both Clusters. It returns once the DNS servers run.
func (w *Walkthrough) Install(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("Installing xcc on the management cluster")
	if err := w.steps(ctx,
		"clusterctl init --addon xcc --config $CLUSTERCTL_CONFIG --kubeconfig $MGMT",
		"kubectl --kubeconfig $MGMT --namespace xcc-system rollout status deployment/xcc-controller-manager --timeout 120s",
	); err != nil {
		return err
	}
	w.title("Enabling DNS for two Clusters, by label")
	w.Labelled = time.Now()
	if err := w.steps(ctx,
		"kubectl --kubeconfig $MGMT --namespace dev-team label cluster cluster-a cluster-b connectivity.tanzu.vmware.com/dns=enabled",
	); err != nil {
		return err
	}
	for _, cluster := range []string{"$A", "$B"} {
		if err := w.Shell.Until(ctx, "waiting for the ClusterResourceSet and the Pods",
			"kubectl --kubeconfig "+cluster+" --namespace xcc-dns rollout status deployment/dns-server deployment/dns-config-patcher --timeout 60s",
			`deployment "dns-config-patcher" successfully rolled out`); err != nil {
			return err
		}
		if err := w.Shell.Until(ctx, "waiting for the Corefile",
			"kubectl --kubeconfig "+cluster+" --namespace xcc-dns get configmap dns-config-patcher --output 'jsonpath={.data.state}{\": \"}{.data.message}{\"\\n\"}'",
			"Forwarding"); err != nil {
			return err
		}
	}
	return w.steps(ctx, "kubectl --kubeconfig $MGMT --namespace dev-team get clusterresourcesets,clusterresourcesetbindings")
}

// Publish starts an application behind a gateway in cluster-a, and publishes the gateway.
func (w *Walkthrough) Publish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("cluster-a: starting an application behind a gateway with a load balancer")
	if err := w.steps(ctx,
		"kubectl --kubeconfig $A apply --filename $W/application.yaml",
		"kubectl --kubeconfig $A --namespace gateway wait --for=condition=Available deployment/caddy --timeout 60s",
		"kubectl --kubeconfig $A wait --for=condition=Available deployment/kuard --timeout 60s",
		"kubectl --kubeconfig $A --namespace gateway get service caddy",
	); err != nil {
		return err
	}
	w.title("Publishing the gateway of each Cluster labelled hasGateway=true, by a GatewayDNS")
	if err := w.steps(ctx,
		"kubectl --kubeconfig $MGMT --namespace dev-team label cluster cluster-a hasGateway=true",
		"cat $W/gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT apply --filename $W/gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT --namespace dev-team wait --for=condition=Ready gatewaydns/dev-team-gateway-dns --timeout 60s",
		"kubectl --kubeconfig $MGMT --namespace dev-team get gatewaydns",
	); err != nil {
		return err
	}
	return w.Shell.Until(ctx, "waiting for the record in cluster-b",
		"kubectl --kubeconfig $B --namespace xcc-dns get endpointslices --selector endpointslice.kubernetes.io/managed-by=xcc.connectivity.tanzu.vmware.com",
		"cluster-a-ipv4")
}

// StartClients starts Pods with different resolvers in both clusters.
func (w *Walkthrough) StartClients(ctx context.Context) error {
	w.title("Starting Pods with different resolvers in both clusters: glibc, musl and Go")
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
	w.title("cluster-b: fetching the page in Pods by the application's name")
	if err := w.Shell.Until(ctx, "waiting for kubelet to sync the Corefile (about 90 s) and for CoreDNS to reload it (45 s)",
		"kubectl --kubeconfig $B exec client-glibc -- curl --silent --show-error --max-time 5 http://"+Hostname, Page); err != nil {
		return err
	}
	for _, client := range []string{"client-musl", "client-go"} {
		command := "kubectl --kubeconfig $B exec " + client + " -- /client get http://" + Hostname
		if err := w.Shell.Until(ctx, "waiting for the other CoreDNS Pod to reload its Corefile", command, Page); err != nil {
			return err
		}
	}
	return nil
}

// PublishOthers publishes two more gateways of cluster-a under their own names: a load balancer with a host name, and node ports.
func (w *Walkthrough) PublishOthers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("cluster-a: adding a load balancer with a host name, as on AWS, and a Service with node ports")
	address, err := w.A.Kubectl(ctx, "--namespace=gateway", "get", "service", "caddy", "--output=jsonpath={.status.loadBalancer.ingress[0].ip}")
	if err != nil {
		return err
	}
	// On the rig, the resolver of the nodes takes the part of the cloud's public DNS.
	if err := w.Rig.SetUpstream(balancer + ". A " + address); err != nil {
		return err
	}
	if err := w.steps(ctx,
		"kubectl --kubeconfig $A apply --filename $W/other-gateways.yaml",
		"# In a cloud, the load balancer's controller does this, and public DNS resolves the name. Here it resolves to "+address,
		"kubectl --kubeconfig $A --namespace gateway patch service caddy-cloud --subresource=status --type=merge "+
			`--patch '{"status":{"loadBalancer":{"ingress":[{"hostname":"`+balancer+`"}]}}}'`,
		"kubectl --kubeconfig $A --namespace gateway get services",
	); err != nil {
		return err
	}
	w.title("Publishing each of them by a GatewayDNS with its own subdomain")
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
	w.title("cluster-b: fetching the page through them")
	for _, authority := range []string{CloudHostname, NodesHostname + ":30080"} {
		if err := w.Shell.Until(ctx, "waiting for the record in cluster-b",
			"kubectl --kubeconfig $B exec client-musl -- /client get http://"+authority, Page); err != nil {
			return err
		}
	}
	return nil
}

// PublishShared starts a copy of the application in cluster-b, and publishes both under one name.
func (w *Walkthrough) PublishShared(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	w.title("cluster-b: starting a copy of the application behind a gateway of its own")
	if err := w.steps(ctx,
		"kubectl --kubeconfig $B apply --filename $W/application-b.yaml",
		"kubectl --kubeconfig $B --namespace gateway wait --for=condition=Available deployment/caddy --timeout 60s",
		"kubectl --kubeconfig $B wait --for=condition=Available deployment/kuard --timeout 60s",
	); err != nil {
		return err
	}
	w.title("Publishing both gateways under one name: cluster-a serves it, and cluster-b stands by")
	return w.steps(ctx,
		"cat $W/shared-gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT apply --filename $W/shared-gatewaydns.yaml",
		"kubectl --kubeconfig $MGMT --namespace dev-team wait --for=condition=Ready gatewaydns/shop --timeout 60s",
		"kubectl --kubeconfig $MGMT --namespace dev-team get gatewaydns shop --output 'jsonpath={.status.sharedHostname}{\"\\n\"}'",
	)
}

// FailOver fetches the page by the shared name while the gateway of cluster-a is taken away and comes back.
func (w *Walkthrough) FailOver(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	const fetch = "kubectl --kubeconfig $B exec client-musl -- /client get http://" + SharedHostname
	w.title("cluster-b: fetching the page by the shared name")
	if err := w.Shell.Until(ctx, "waiting for the record in cluster-b", fetch, Page); err != nil {
		return err
	}
	for _, step := range []struct{ title, replicas, page string }{
		{"Taking the gateway of cluster-a away: the same name leads to cluster-b", "0", PageOfB},
		{"Bringing it back", "1", Page},
	} {
		w.title(step.title)
		started := time.Now()
		if err := w.steps(ctx, "kubectl --kubeconfig $A --namespace gateway scale deployment/caddy --replicas "+step.replicas); err != nil {
			return err
		}
		if err := w.Shell.Until(ctx, "waiting for the DNS servers of cluster-b to notice", fetch, step.page); err != nil {
			return err
		}
		fmt.Fprintf(w.out, "The page comes from the other cluster after %.1f s, caches of DNS included.\n", time.Since(started).Seconds())
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
