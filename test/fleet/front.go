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

package fleet

import (
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Front is a server before a workload cluster's API server that lets in who has the token, and takes its time.
type Front struct {
	*httptest.Server
	token atomic.Value
	// Delay is the time.Duration before each answer.
	Delay atomic.Int64
	gone  atomic.Bool
	// Version is the Kubernetes version that the server pretends to have, if any.
	Version atomic.Value
	// Denied counts the requests with another token.
	Denied atomic.Int64
}

// NewFront returns a server before a workload cluster, for the time of the test.
func NewFront(t *testing.T, behind *Cluster, token string) *Front {
	t.Helper()
	g := NewWithT(t)
	transport, err := rest.TransportFor(behind.Config)
	g.Expect(err).NotTo(HaveOccurred())
	target, err := url.Parse(behind.Config.Host)
	g.Expect(err).NotTo(HaveOccurred())
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Header.Del("Authorization") },
		Transport:     transport,
		FlushInterval: -1,
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) {},
	}
	f := &Front{}
	f.token.Store(token)
	f.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.gone.Load() {
			panic(http.ErrAbortHandler) // It ends the connection without an answer.
		}
		if r.Header.Get("Authorization") != "Bearer "+f.token.Load().(string) {
			f.Denied.Add(1)
			http.Error(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","code":401}`, http.StatusUnauthorized)
			return
		}
		if pretended, ok := f.Version.Load().(string); ok && r.URL.Path == "/version" {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(version.Info{GitVersion: pretended})
			return
		}
		select {
		case <-time.After(time.Duration(f.Delay.Load())):
			proxy.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Listener.Close()
	})
	return f
}

// Kubeconfig returns one that trusts the server and has the token.
func (f *Front) Kubeconfig(g Gomega, token string) []byte {
	return f.KubeconfigTrusting(g, token, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}))
}

// KubeconfigTrusting returns one that has the token, and trusts only servers with a certificate of the authority.
func (f *Front) KubeconfigTrusting(g Gomega, token string, authority []byte) []byte {
	config, err := clientcmd.Load(KubeconfigFor(f.URL))
	g.Expect(err).NotTo(HaveOccurred())
	config.Clusters["test"].InsecureSkipTLSVerify, config.Clusters["test"].CertificateAuthorityData = false, authority
	config.AuthInfos["test"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["test"].AuthInfo = "test"
	data, err := clientcmd.Write(*config)
	g.Expect(err).NotTo(HaveOccurred())
	return data
}

// Revoke lets nobody in any more who does not have the new token, and ends all connections.
func (f *Front) Revoke(token string) {
	f.token.Store(token)
	f.CloseClientConnections()
}

// Leave ends all connections and every new one without an answer, until comeBack.
func (f *Front) Leave() {
	f.gone.Store(true)
	f.CloseClientConnections()
}

// ComeBack ends what Leave has begun.
func (f *Front) ComeBack() { f.gone.Store(false) }

// NewSilentServer returns the address of a server that takes connections and says nothing.
func NewSilentServer(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { connection.Close() })
		}
	}()
	return "https://" + listener.Addr().String()
}

// KubeconfigFor returns a kubeconfig without credentials, which trusts any certificate.
func KubeconfigFor(server string) []byte {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, InsecureSkipTLSVerify: true}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test"}
	config.CurrentContext = "test"
	data, err := clientcmd.Write(*config)
	if err != nil {
		panic(err)
	}
	return data
}
