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

package kubeconfig_test

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/kubeconfig"
)

const secret = "very-secret-token"

// valid is a kubeconfig as Cluster API writes it.
func valid() *clientcmdapi.Config {
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: "https://192.0.2.1:6443", CertificateAuthorityData: []byte("pem")}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: []byte("pem"), ClientKeyData: []byte("pem"), Token: secret}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	return config
}

func TestValidateRefusesFilesAndPrograms(t *testing.T) {
	t.Parallel()
	user := func(change func(*clientcmdapi.AuthInfo)) func(*clientcmdapi.Config) {
		return func(config *clientcmdapi.Config) { change(config.AuthInfos["u"]) }
	}
	cluster := func(change func(*clientcmdapi.Cluster)) func(*clientcmdapi.Config) {
		return func(config *clientcmdapi.Config) { change(config.Clusters["c"]) }
	}
	for name, test := range map[string]struct {
		change func(*clientcmdapi.Config)
		// refused is a part of the error, or empty for a valid kubeconfig.
		refused string
	}{
		"the kubeconfig of Cluster API": {change: func(*clientcmdapi.Config) {}},
		"a password":                    {change: user(func(u *clientcmdapi.AuthInfo) { u.Username, u.Password = "a", "b" })},
		"impersonation":                 {change: user(func(u *clientcmdapi.AuthInfo) { u.Impersonate = "admin" })},
		"certificates are not verified": {
			change: cluster(func(c *clientcmdapi.Cluster) { c.InsecureSkipTLSVerify, c.CertificateAuthorityData = true, nil }),
		},
		"a proxy":           {change: cluster(func(c *clientcmdapi.Cluster) { c.ProxyURL = "http://user:password@proxy.example:3128" })},
		"a SOCKS proxy":     {change: cluster(func(c *clientcmdapi.Cluster) { c.ProxyURL = "socks5://127.0.0.1:1080" })},
		"without TLS":       {cluster(func(c *clientcmdapi.Cluster) { c.Server, c.CertificateAuthorityData = "http://192.0.2.1", nil }), "not an https URL"},
		"another user":      {change: func(c *clientcmdapi.Config) { c.AuthInfos["v"] = &clientcmdapi.AuthInfo{Token: secret} }},
		"a token in a file": {user(func(u *clientcmdapi.AuthInfo) { u.TokenFile = "/var/run/secrets/token" }), `user "u" has tokenFile`},
		"a certificate in a file": {
			user(func(u *clientcmdapi.AuthInfo) { u.ClientCertificate = "cert.pem" }), "put the certificate itself into client-certificate-data",
		},
		"a key in a file":   {user(func(u *clientcmdapi.AuthInfo) { u.ClientKey = "key.pem" }), "put the key itself into client-key-data"},
		"a program":         {user(func(u *clientcmdapi.AuthInfo) { u.Exec = &clientcmdapi.ExecConfig{Command: "sh", APIVersion: "v1"} }), "has exec"},
		"an auth provider":  {user(func(u *clientcmdapi.AuthInfo) { u.AuthProvider = &clientcmdapi.AuthProviderConfig{Name: "oidc"} }), "has auth-provider"},
		"a CA in a file":    {cluster(func(c *clientcmdapi.Cluster) { c.CertificateAuthority = "/ca.crt" }), `cluster "c" has certificate-authority`},
		"a file as a proxy": {cluster(func(c *clientcmdapi.Cluster) { c.ProxyURL = "file:///etc/passwd" }), "proxy-url"},
		"no server":         {cluster(func(c *clientcmdapi.Cluster) { c.Server = "" }), "not an https URL"},
		"a socket's path":   {cluster(func(c *clientcmdapi.Cluster) { c.Server = "unix:///run/socket" }), "not an https URL"},
		"a file for a user that no context uses": {
			func(c *clientcmdapi.Config) { c.AuthInfos["v"] = &clientcmdapi.AuthInfo{TokenFile: "/token"} }, `user "v" has tokenFile`,
		},
		"a file for a cluster that no context uses": {
			func(c *clientcmdapi.Config) { c.Clusters["d"] = &clientcmdapi.Cluster{CertificateAuthority: "/ca"} }, `cluster "d" has certificate-authority`,
		},
		"a token and a file with a token": {
			user(func(u *clientcmdapi.AuthInfo) { u.Token, u.TokenFile = secret, "/token" }), "has tokenFile",
		},
		"no current context": {func(c *clientcmdapi.Config) { c.CurrentContext = "y" }, `current-context "y"`},
		"no cluster":         {func(c *clientcmdapi.Config) { delete(c.Clusters, "c") }, `names cluster "c"`},
		"no user":            {func(c *clientcmdapi.Config) { delete(c.AuthInfos, "u") }, `names user "u"`},
		"a long name": {
			func(c *clientcmdapi.Config) {
				c.AuthInfos[strings.Repeat("n", 100_000)] = &clientcmdapi.AuthInfo{TokenFile: "/token"}
			}, "has tokenFile",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			config := valid()
			test.change(config)
			data, err := clientcmd.Write(*config)
			g.Expect(err).NotTo(HaveOccurred())
			err = kubeconfig.Validate(data)
			if test.refused == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(ContainSubstring(test.refused)))
			g.Expect(len(err.Error())).To(BeNumerically("<", 500))
			g.Expect(err.Error()).NotTo(ContainSubstring(secret))
		})
	}
}

func TestValidateRefusesMalformedData(t *testing.T) {
	t.Parallel()
	many := valid()
	for i := range 101 {
		many.AuthInfos[fmt.Sprint(i)] = &clientcmdapi.AuthInfo{Token: secret}
	}
	manyUsers, err := clientcmd.Write(*many)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	right, err := clientcmd.Write(*valid())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for name, test := range map[string]struct {
		data    []byte
		refused string
	}{
		"nothing":         {nil, `current-context ""`},
		"a text":          {[]byte(secret), "cannot be parsed"},
		"a list":          {[]byte("[" + secret + "]"), "cannot be parsed"},
		"another kind":    {[]byte(`{"apiVersion":"v1","kind":"` + secret + `"}`), "cannot be parsed"},
		"a type error":    {[]byte("apiVersion: v1\nkind: Config\nusers: {token: " + secret + "}"), "cannot be parsed"},
		"too large":       {append(right, strings.Repeat("#", 512<<10)...), "and may have 524288"},
		"too many users":  {manyUsers, "more than 100 users and clusters"},
		"an empty config": {[]byte("apiVersion: v1\nkind: Config\n"), `current-context ""`},
		"nested aliases":  {aliases(), "cannot be parsed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			err := kubeconfig.Validate(test.data)
			g.Expect(err).To(MatchError(ContainSubstring(test.refused)))
			g.Expect(err.Error()).NotTo(ContainSubstring(secret))
		})
	}
}

// aliases returns a few lines of YAML that expand to 10^9 values.
func aliases() []byte {
	var text strings.Builder
	text.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := range 9 {
		fmt.Fprintf(&text, "a%d: &a%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i), 10), ","))
	}
	return []byte(text.String())
}

func TestWithProxyReplacesTheProxy(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	config := valid()
	config.Clusters["c"].ProxyURL = "http://user:password@proxy.example:3128"
	data, err := clientcmd.Write(*config)
	g.Expect(err).NotTo(HaveOccurred())
	server, proxy, err := kubeconfig.ServerOf(data)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(server.Host).To(Equal("192.0.2.1:6443"))
	g.Expect(proxy.String()).To(Equal("http://user:password@proxy.example:3128"))

	changed, err := kubeconfig.WithProxy(data, "http://gate:token@127.0.0.1:1")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(kubeconfig.Validate(changed)).To(Succeed())
	_, proxy, err = kubeconfig.ServerOf(changed)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(proxy.String()).To(Equal("http://gate:token@127.0.0.1:1"))
	rest, err := clientcmd.RESTConfigFromKubeConfig(changed)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(rest.DisableCompression).To(BeTrue())
	g.Expect(rest.BearerToken).To(Equal(secret))
	g.Expect(rest.Host).To(Equal("https://192.0.2.1:6443"))
}

// TestEveryFieldIsKnown fails if client-go adds a field. Check whether the field can name a file or
// a program.
func TestEveryFieldIsKnown(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	fields := func(object any) []string {
		var names []string
		for field := range reflect.TypeOf(object).Fields() {
			names = append(names, field.Name)
		}
		return names
	}
	g.Expect(fields(clientcmdapi.AuthInfo{})).To(ConsistOf(
		"ClientCertificate", "ClientKey", "TokenFile", "Exec", "AuthProvider", // refused
		"ClientCertificateData", "ClientKeyData", "Token", "Username", "Password", "Impersonate", "ImpersonateUID", "ImpersonateGroups",
		"ImpersonateUserExtra", "LocationOfOrigin", "Extensions",
	))
	g.Expect(fields(clientcmdapi.Cluster{})).To(ConsistOf(
		"CertificateAuthority", "ProxyURL", "Server", // validated
		"TLSServerName", "InsecureSkipTLSVerify", "CertificateAuthorityData", "DisableCompression", "LocationOfOrigin", "Extensions",
	))
}

// FuzzValidate checks that a client of a valid kubeconfig reads no file and runs no program.
func FuzzValidate(f *testing.F) {
	data, err := clientcmd.Write(*valid())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(strings.Replace(string(data), "token:", "tokenFile:", 1)))
	// client-go opens these files while it builds the client's configuration.
	for _, field := range []string{"client-key", "client-certificate", "certificate-authority"} {
		f.Add(regexp.MustCompile(field+"-data: .*").ReplaceAll(data, []byte(field+": /dev/null")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if kubeconfig.Validate(data) != nil {
			return
		}
		config, err := clientcmd.RESTConfigFromKubeConfig(data)
		if err != nil {
			return
		}
		if config.BearerTokenFile != "" || config.CAFile != "" || config.CertFile != "" || config.KeyFile != "" ||
			config.ExecProvider != nil || config.AuthProvider != nil {
			t.Fatalf("The client reads a file or runs a program:\n%s", data)
		}
	})
}
