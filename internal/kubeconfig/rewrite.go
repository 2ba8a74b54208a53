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
	"net/url"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Endpoint is the address of an API server.
type Endpoint struct {
	URL *url.URL
	// CA is the certificate authority, in PEM.
	CA []byte
}

// ServerOf returns the server of the current context, and its proxy or nil. Validate must accept
// the kubeconfig.
func ServerOf(data []byte) (server, proxy *url.URL, err error) {
	_, cluster, err := current(data)
	if err != nil {
		return nil, nil, err
	}
	if server, err = url.Parse(cluster.Server); err != nil {
		return nil, nil, errors.New("its server is not a URL")
	}
	if cluster.ProxyURL != "" {
		if proxy, err = url.Parse(cluster.ProxyURL); err != nil {
			return nil, nil, errors.New("its proxy-url is not a URL")
		}
	}
	return server, proxy, nil
}

// WithEndpoint returns the kubeconfig with another server and without a proxy. The credentials stay
// the same. Validate must accept the kubeconfig.
func WithEndpoint(data []byte, endpoint Endpoint) ([]byte, error) {
	return withCluster(data, func(cluster *clientcmdapi.Cluster) {
		*cluster = clientcmdapi.Cluster{Server: endpoint.URL.String(), CertificateAuthorityData: endpoint.CA}
	})
}

// WithProxy returns the kubeconfig with another proxy and without compression, which would hide the
// size of a response from the proxy. Validate must accept the kubeconfig.
func WithProxy(data []byte, proxyURL string) ([]byte, error) {
	return withCluster(data, func(cluster *clientcmdapi.Cluster) {
		cluster.ProxyURL, cluster.DisableCompression = proxyURL, true
	})
}

// withCluster returns the kubeconfig with changes to the cluster of its current context.
func withCluster(data []byte, change func(*clientcmdapi.Cluster)) ([]byte, error) {
	config, cluster, err := current(data)
	if err != nil {
		return nil, err
	}
	change(cluster)
	changed, err := clientcmd.Write(*config)
	if err != nil {
		return nil, errors.New("it cannot be encoded")
	}
	return changed, nil
}

// current returns the kubeconfig and the cluster of its current context.
func current(data []byte) (*clientcmdapi.Config, *clientcmdapi.Cluster, error) {
	config, err := clientcmd.Load(data)
	if err != nil {
		return nil, nil, errors.New("it cannot be parsed")
	}
	if refused := validateContext(config); len(refused) > 0 {
		return nil, nil, errors.New(refused[0])
	}
	return config, config.Clusters[config.Contexts[config.CurrentContext].Cluster], nil
}
