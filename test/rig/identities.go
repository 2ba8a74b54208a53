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

package rig

import (
	"fmt"
	"os"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubernetesServiceIP is the first address of serviceCIDR, which the API server uses for the
// Service kubernetes.
const kubernetesServiceIP = "10.96.0.1"

// identity is a user of the API server with a kubeconfig.
type identity struct {
	file   string
	user   string
	groups []string
}

// writeIdentities creates the cluster's CA, the API server's certificates, and a kubeconfig for
// each component and the administrator.
func (c *Cluster) writeIdentities() error {
	ca, err := newAuthority("kubernetes")
	if err != nil {
		return err
	}
	server, err := ca.server([]string{
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost",
	}, kubernetesServiceIP, c.Address, "127.0.0.1")
	if err != nil {
		return err
	}
	kubeletClient, err := ca.client("kube-apiserver-kubelet-client", "system:masters")
	if err != nil {
		return err
	}
	// Any key pair can sign the tokens of ServiceAccounts.
	tokens, err := ca.client("service-accounts")
	if err != nil {
		return err
	}
	for name, pair := range map[string]keyPair{
		"ca": ca.keyPair, "apiserver": server, "apiserver-kubelet-client": kubeletClient, "sa": tokens,
	} {
		if err := pair.write(c.path("pki"), name); err != nil {
			return err
		}
	}
	for _, id := range []identity{
		kubelet(newNode(c, 0)),
		{file: c.KubeconfigPath, user: "kubernetes-admin", groups: []string{"system:masters"}},
		{file: c.path("controller-manager.conf"), user: "system:kube-controller-manager"},
		{file: c.path("scheduler.conf"), user: "system:kube-scheduler"},
		{file: c.path("kube-proxy.conf"), user: "system:kube-proxy"},
	} {
		if err := c.writeKubeconfig(ca, id); err != nil {
			return err
		}
	}
	return nil
}

// writeNodeIdentity creates a kubeconfig for the kubelet of a joining node.
func (c *Cluster) writeNodeIdentity(n *Node) error {
	ca, err := readAuthority(c.path("pki"), "ca")
	if err != nil {
		return err
	}
	return c.writeKubeconfig(ca, kubelet(n))
}

func kubelet(n *Node) identity {
	return identity{file: n.path("kubelet.conf"), user: "system:node:" + n.Name, groups: []string{"system:nodes"}}
}

// writeKubeconfig writes a kubeconfig without references to other files. The server is the node's
// address on the bridge, so it works on this machine and in the Pods of every cluster.
func (c *Cluster) writeKubeconfig(ca *authority, id identity) error {
	pair, err := ca.client(id.user, id.groups...)
	if err != nil {
		return err
	}
	name := c.Name
	content, err := clientcmd.Write(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{
			name: {Server: c.server(), CertificateAuthorityData: ca.certificate},
		},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			id.user: {ClientCertificateData: pair.certificate, ClientKeyData: pair.key},
		},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: id.user}},
		CurrentContext: name,
	})
	if err != nil {
		return fmt.Errorf("encoding the kubeconfig of %s: %w", id.user, err)
	}
	if err := os.WriteFile(id.file, content, 0o600); err != nil {
		return fmt.Errorf("writing the kubeconfig of %s: %w", id.user, err)
	}
	return nil
}
