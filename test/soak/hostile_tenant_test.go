//go:build soak

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

package soak

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

const (
	// hostileClusters and hostileGateways are the numbers of the hostile tenant's Clusters and
	// GatewayDNS.
	hostileClusters, hostileGateways = 10, 50
	hostileNamespace                 = "hostile"
)

// hostileTenant is an attacker with the rights of a tenant in one namespace of the management
// cluster.
type hostileTenant struct {
	management *server
	// cluster has the server of the tenant's kubeconfigs.
	cluster *hostileCluster
	// token is the path of the file with ownToken.
	token string
	acts  map[string]int
}

func newHostileTenant(t *testing.T, management *server, cluster *hostileCluster) *hostileTenant {
	t.Helper()
	g := NewWithT(t)
	h := &hostileTenant{management: management, cluster: cluster, token: filepath.Join(t.TempDir(), "token"), acts: map[string]int{}}
	g.Expect(os.WriteFile(h.token, []byte(ownToken), 0o600)).To(Succeed())
	g.Expect(createNamespace(t.Context(), management, hostileNamespace)).To(Succeed())
	for i := range hostileClusters {
		g.Expect(h.createCluster(t.Context(), i)).To(Succeed())
	}
	for i := range hostileGateways {
		gatewayDNS := newGatewayDNS(hostileNamespace, fmt.Sprintf("gateways-%d", i))
		g.Expect(management.Create(t.Context(), gatewayDNS)).To(Succeed())
	}
	return h
}

func clusterName(i int) string { return fmt.Sprintf("cluster-%d", i) }

// createCluster creates a Cluster with the hostile server or an unreachable one. It never becomes
// ready.
func (h *hostileTenant) createCluster(ctx context.Context, i int) error {
	labels := map[string]string{"gateway": "true", xccv1.DNSLabel: xccv1.DNSEnabled}
	kubeconfig := h.cluster.server.Kubeconfig()
	if i%2 == 1 {
		kubeconfig = h.cluster.server.Kubeconfig(func(config *clientcmdapi.Config) { config.Clusters["hostile"].Server = "https://127.0.0.1:1" })
	}
	return createCluster(ctx, h.management, hostileNamespace, clusterName(i), kubeconfig, labels)
}

// act runs attacks one after another until the context is done.
func (h *hostileTenant) act(ctx context.Context, random *rand.Rand) {
	acts := []struct {
		name string
		do   func(context.Context, *rand.Rand) error
	}{
		{"claim nonsense", h.claimNonsense},
		{"name files in a kubeconfig", h.nameFiles},
		{"ask for too much", h.askForTooMuch},
		{"override addresses", h.overrideAddresses},
		{"change subdomains", h.changeSubdomains},
		{"switch the add-on", h.switchAddon},
		{"take a name of ours", h.takeName},
		{"create a Cluster anew", h.recreateCluster},
	}
	for ctx.Err() == nil {
		next := acts[random.IntN(len(acts))]
		if err := next.do(ctx, random); err == nil {
			h.acts[next.name]++
		}
		wait(ctx, random, 500*time.Millisecond)
	}
}

// annotate sets an annotation of an object of the tenant.
func (h *hostileTenant) annotate(ctx context.Context, object client.Object, key, value string) error {
	object.SetNamespace(hostileNamespace)
	if err := h.management.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
		return err
	}
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	object.SetAnnotations(annotations)
	return h.management.Update(ctx, object)
}

func randomCluster(random *rand.Rand) *clusterv1.Cluster {
	return &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Name: clusterName(random.IntN(hostileClusters))}}
}

func randomGatewayDNS(random *rand.Rand) *xccv1.GatewayDNS {
	return &xccv1.GatewayDNS{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("gateways-%d", random.IntN(hostileGateways))}}
}

// claimNonsense fills the annotations of claims up to the API server's limit.
func (h *hostileTenant) claimNonsense(ctx context.Context, random *rand.Rand) error {
	var claims strings.Builder
	for i := 0; claims.Len() < 240<<10; i++ {
		fmt.Fprintf(&claims, `,"gateway.cluster-%d":"1970-01-01T00:00:%02dZ"`, i, random.IntN(60))
	}
	text := "{" + claims.String()[1:] + "}"
	if random.IntN(3) == 0 {
		text = strings.Repeat("[", 240<<10)
	}
	return h.annotate(ctx, randomGatewayDNS(random), xccv1.ClaimsAnnotation, text)
}

// nameFiles writes a kubeconfig that refers to files of the manager.
func (h *hostileTenant) nameFiles(ctx context.Context, random *rand.Rand) error {
	changes := []func(*clientcmdapi.Config){
		func(config *clientcmdapi.Config) {
			config.AuthInfos["hostile"] = &clientcmdapi.AuthInfo{TokenFile: h.token}
		},
		func(config *clientcmdapi.Config) {
			config.AuthInfos["hostile"] = &clientcmdapi.AuthInfo{ClientCertificate: h.token, ClientKey: h.token}
		},
		func(config *clientcmdapi.Config) {
			config.AuthInfos["hostile"] = &clientcmdapi.AuthInfo{Exec: &clientcmdapi.ExecConfig{Command: "/bin/true", APIVersion: "client.authentication.k8s.io/v1"}}
		},
		func(config *clientcmdapi.Config) {
			config.Clusters["hostile"].CertificateAuthorityData, config.Clusters["hostile"].CertificateAuthority = nil, h.token
		},
		func(*clientcmdapi.Config) {},
	}
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: hostileNamespace, Name: randomCluster(random).Name + "-kubeconfig"}
	if err := h.management.Get(ctx, key, secret); err != nil {
		return err
	}
	secret.Data["value"] = h.cluster.server.Kubeconfig(changes[random.IntN(len(changes))])
	return h.management.Update(ctx, secret)
}

// askForTooMuch requests excessive replicas or resources of the dns-server.
func (h *hostileTenant) askForTooMuch(ctx context.Context, random *rand.Rand) error {
	if random.IntN(2) == 0 {
		return h.annotate(ctx, randomCluster(random), xccv1.DNSReplicasAnnotation, []string{"1000000", "-1", "2"}[random.IntN(3)])
	}
	return h.annotate(ctx, randomCluster(random), xccv1.DNSResourcesAnnotation,
		[]string{`{"requests":{"cpu":"1000"}}`, strings.Repeat("{", 100<<10), "null"}[random.IntN(3)])
}

// overrideAddresses overrides addresses with many invalid ones.
func (h *hostileTenant) overrideAddresses(ctx context.Context, random *rand.Rand) error {
	value := []string{"127.0.0.1", strings.Repeat("198.18.0.1,", 20_000), "198.18.0.2"}[random.IntN(3)]
	return h.annotate(ctx, randomCluster(random), xccv1.GatewayAddressesAnnotation, value)
}

// changeSubdomains changes spec.subdomain of GatewayDNS.
func (h *hostileTenant) changeSubdomains(ctx context.Context, random *rand.Rand) error {
	gatewayDNS := randomGatewayDNS(random)
	gatewayDNS.Namespace = hostileNamespace
	if err := h.management.Get(ctx, client.ObjectKeyFromObject(gatewayDNS), gatewayDNS); err != nil {
		return err
	}
	gatewayDNS.Spec.Subdomain = fmt.Sprintf("s%d", random.IntN(hostileGateways))
	return h.management.Update(ctx, gatewayDNS)
}

// switchAddon removes or adds the label of the add-on.
func (h *hostileTenant) switchAddon(ctx context.Context, random *rand.Rand) error {
	cluster := randomCluster(random)
	cluster.Namespace = hostileNamespace
	if err := h.management.Get(ctx, client.ObjectKeyFromObject(cluster), cluster); err != nil {
		return err
	}
	if cluster.Labels[xccv1.DNSLabel] == "" {
		cluster.Labels[xccv1.DNSLabel] = xccv1.DNSEnabled
	} else {
		delete(cluster.Labels, xccv1.DNSLabel)
	}
	return h.management.Update(ctx, cluster)
}

// takeName replaces the payload Secret of a Cluster by the tenant's own Secret.
func (h *hostileTenant) takeName(ctx context.Context, random *rand.Rand) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: hostileNamespace, Name: randomCluster(random).Name + xccv1.PayloadSuffix},
		Data:       map[string][]byte{"precious": []byte(strings.Repeat("x", 500<<10))},
	}
	if err := client.IgnoreNotFound(h.management.Delete(ctx, secret.DeepCopy())); err != nil {
		return err
	}
	return h.management.Create(ctx, secret)
}

// recreateCluster deletes and re-creates a Cluster.
func (h *hostileTenant) recreateCluster(ctx context.Context, random *rand.Rand) error {
	i := random.IntN(hostileClusters)
	cluster := &clusterv1.Cluster{ObjectMeta: metav1.ObjectMeta{Namespace: hostileNamespace, Name: clusterName(i)}}
	if err := client.IgnoreNotFound(h.management.Delete(ctx, cluster)); err != nil {
		return err
	}
	wait(ctx, random, 500*time.Millisecond)
	return h.createCluster(context.WithoutCancel(ctx), i)
}
