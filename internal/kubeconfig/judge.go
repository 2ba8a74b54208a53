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

package kubeconfig

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// maxBytes is how large a kubeconfig may be. A usual kubeconfig has less than 20 kB. With all public certificate
// authorities, as some companies hand it out, it has about 300 kB.
const maxBytes = 512 << 10

// maxNames bounds how many users and clusters a kubeconfig may have: Cluster API's own have one.
const maxNames = 100

// Judge returns nil if the bytes of the kubeconfig hold all that its client would send, and otherwise an error that
// says what to change. Every user and cluster is judged, whether the current context uses it or not. The error holds
// names and addresses of the kubeconfig, and none of its credentials.
func Judge(data []byte) error {
	if len(data) > maxBytes {
		return fmt.Errorf("it has %d bytes and may have %d", len(data), maxBytes)
	}
	config, err := clientcmd.Load(data)
	if err != nil {
		// The error may quote a credential.
		return errors.New("it cannot be parsed")
	}
	if len(config.AuthInfos)+len(config.Clusters) > maxNames {
		return fmt.Errorf("it has more than %d users and clusters", maxNames)
	}
	var refused []string
	for _, name := range slices.Sorted(maps.Keys(config.AuthInfos)) {
		refused = append(refused, prefixed("user", name, judgeUser(config.AuthInfos[name]))...)
	}
	for _, name := range slices.Sorted(maps.Keys(config.Clusters)) {
		refused = append(refused, prefixed("cluster", name, judgeCluster(config.Clusters[name]))...)
	}
	if len(refused) == 0 {
		refused = judgeContext(config)
	}
	// A message is short, and the first problems explain the others.
	const most = 3
	if len(refused) > most {
		refused = append(refused[:most], "and more")
	}
	if len(refused) > 0 {
		return errors.New(strings.Join(refused, "; "))
	}
	return nil
}

func prefixed(kind, name string, refused []string) []string {
	for i := range refused {
		refused[i] = fmt.Sprintf("%s %q %s", kind, shorten(name), refused[i])
	}
	return refused
}

func judgeUser(user *clientcmdapi.AuthInfo) []string {
	var refused []string
	for _, field := range []struct {
		isSet     bool
		name, use string
	}{
		{user.TokenFile != "", "tokenFile", "put the token itself into token"},
		{user.ClientCertificate != "", "client-certificate", "put the certificate itself into client-certificate-data"},
		{user.ClientKey != "", "client-key", "put the key itself into client-key-data"},
		{user.Exec != nil, "exec", "use a token or a client certificate"},
		{user.AuthProvider != nil, "auth-provider", "use a token or a client certificate"},
	} {
		if field.isSet {
			refused = append(refused, fmt.Sprintf("has %s, which is refused: %s", field.name, field.use))
		}
	}
	return refused
}

func judgeCluster(cluster *clientcmdapi.Cluster) []string {
	var refused []string
	if cluster.CertificateAuthority != "" {
		refused = append(refused, "has certificate-authority, which is refused: put the certificate itself into certificate-authority-data")
	}
	if cluster.ProxyURL != "" && !isProxy(cluster.ProxyURL) {
		refused = append(refused, "has a proxy-url that is no address of an http, https or socks5 proxy")
	}
	return refused
}

// isProxy returns whether client-go takes an address of a proxy.
func isProxy(address string) bool {
	proxy, err := url.Parse(address)
	return err == nil && proxy.Host != "" && slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme)
}

// judgeContext returns why the current context cannot be used.
func judgeContext(config *clientcmdapi.Config) []string {
	current, ok := config.Contexts[config.CurrentContext]
	if !ok {
		return []string{fmt.Sprintf("its current-context %q is not one of its contexts", shorten(config.CurrentContext))}
	}
	cluster, ok := config.Clusters[current.Cluster]
	if !ok {
		return []string{fmt.Sprintf("its current context names cluster %q, which it does not have", shorten(current.Cluster))}
	}
	if _, ok := config.AuthInfos[current.AuthInfo]; !ok && current.AuthInfo != "" {
		return []string{fmt.Sprintf("its current context names user %q, which it does not have", shorten(current.AuthInfo))}
	}
	server, err := url.Parse(cluster.Server)
	// Without TLS, credentials and records would be anybody's on the way.
	if err != nil || server.Hostname() == "" || server.Scheme != "https" {
		return []string{fmt.Sprintf("cluster %q has a server that is no https address", shorten(current.Cluster))}
	}
	return nil
}

// shorten makes a name fit a message. It is as long as a DNS label.
func shorten(name string) string { return text.Line(name, 63) }

// Endpoint is an API server.
type Endpoint struct {
	// URL is its address, CA the certificates in PEM that it is verified with.
	URL *url.URL
	CA  []byte
}

// ServerOf returns the server of the current context, and the proxy to it or nil. Judge must accept the kubeconfig.
func ServerOf(data []byte) (server, proxy *url.URL, err error) {
	_, cluster, err := current(data)
	if err != nil {
		return nil, nil, err
	}
	if server, err = url.Parse(cluster.Server); err != nil {
		return nil, nil, errors.New("its server is no address")
	}
	if cluster.ProxyURL != "" {
		if proxy, err = url.Parse(cluster.ProxyURL); err != nil {
			return nil, nil, errors.New("its proxy-url is no address")
		}
	}
	return server, proxy, nil
}

// At returns a kubeconfig whose current context leads to another endpoint, without a proxy and with the same
// credentials. Judge must accept the kubeconfig.
func At(data []byte, endpoint Endpoint) ([]byte, error) {
	return change(data, func(cluster *clientcmdapi.Cluster) {
		*cluster = clientcmdapi.Cluster{Server: endpoint.URL.String(), CertificateAuthorityData: endpoint.CA}
	})
}

// Through returns a kubeconfig that reaches the server of the current context through another proxy, and asks for no
// compression, because that hides the size of a response. Judge must accept the kubeconfig.
func Through(data []byte, proxyURL string) ([]byte, error) {
	return change(data, func(cluster *clientcmdapi.Cluster) {
		cluster.ProxyURL, cluster.DisableCompression = proxyURL, true
	})
}

// change returns a kubeconfig with another cluster of the current context.
func change(data []byte, to func(*clientcmdapi.Cluster)) ([]byte, error) {
	config, cluster, err := current(data)
	if err != nil {
		return nil, err
	}
	to(cluster)
	changed, err := clientcmd.Write(*config)
	if err != nil {
		return nil, errors.New("it cannot be written")
	}
	return changed, nil
}

// current returns the cluster of the current context.
func current(data []byte) (*clientcmdapi.Config, *clientcmdapi.Cluster, error) {
	config, err := clientcmd.Load(data)
	if err != nil {
		return nil, nil, errors.New("it cannot be parsed")
	}
	if refused := judgeContext(config); len(refused) > 0 {
		return nil, nil, errors.New(refused[0])
	}
	return config, config.Clusters[config.Contexts[config.CurrentContext].Cluster], nil
}
