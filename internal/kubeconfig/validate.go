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

// maxBytes is the size of the largest accepted kubeconfig. Most are smaller than 20 kB. With a
// bundle of all public certificate authorities, a kubeconfig has about 300 kB.
const maxBytes = 512 << 10

// maxNames bounds the users and clusters of a kubeconfig. Cluster API writes one of each.
const maxNames = 100

// Validate returns an error if a client of the kubeconfig would read a file or run a program, or
// could not connect. It validates every user and cluster, even if no context uses them. The error
// says what to change. It quotes names and addresses of the kubeconfig, but no credentials.
func Validate(data []byte) error {
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
		refused = append(refused, prefixed("user", name, validateUser(config.AuthInfos[name]))...)
	}
	for _, name := range slices.Sorted(maps.Keys(config.Clusters)) {
		refused = append(refused, prefixed("cluster", name, validateCluster(config.Clusters[name]))...)
	}
	if len(refused) == 0 {
		refused = validateContext(config)
	}
	// The error becomes the message of a condition, which should be short.
	const maxProblems = 3
	if len(refused) > maxProblems {
		refused = append(refused[:maxProblems], "and more")
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

func validateUser(user *clientcmdapi.AuthInfo) []string {
	var refused []string
	for _, field := range []struct {
		isSet        bool
		name, advice string
	}{
		{user.TokenFile != "", "tokenFile", "put the token itself into token"},
		{user.ClientCertificate != "", "client-certificate", "put the certificate itself into client-certificate-data"},
		{user.ClientKey != "", "client-key", "put the key itself into client-key-data"},
		{user.Exec != nil, "exec", "use a token or a client certificate"},
		{user.AuthProvider != nil, "auth-provider", "use a token or a client certificate"},
	} {
		if field.isSet {
			refused = append(refused, fmt.Sprintf("has %s, which is refused: %s", field.name, field.advice))
		}
	}
	return refused
}

func validateCluster(cluster *clientcmdapi.Cluster) []string {
	var refused []string
	if cluster.CertificateAuthority != "" {
		refused = append(refused, "has certificate-authority, which is refused: put the certificate itself into certificate-authority-data")
	}
	if cluster.ProxyURL != "" && !isProxy(cluster.ProxyURL) {
		refused = append(refused, "has a proxy-url that is not the URL of an http, https or socks5 proxy")
	}
	return refused
}

// isProxy returns whether client-go supports the URL of a proxy.
func isProxy(address string) bool {
	proxy, err := url.Parse(address)
	return err == nil && proxy.Host != "" && slices.Contains([]string{"http", "https", "socks5"}, proxy.Scheme)
}

// validateContext returns why the current context cannot be used.
func validateContext(config *clientcmdapi.Config) []string {
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
	// Without TLS, every host on the path could read the credentials and change the records.
	if err != nil || server.Hostname() == "" || server.Scheme != "https" {
		return []string{fmt.Sprintf("cluster %q has a server that is not an https URL", shorten(current.Cluster))}
	}
	return nil
}

// shorten limits a name to 63 bytes, the length of a DNS label.
func shorten(name string) string { return text.Line(name, 63) }
