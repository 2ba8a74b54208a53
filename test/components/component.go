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

package components

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// component is one program: a main package of an upstream module.
type component struct {
	// folder is the Go module below this package that pins the version.
	folder string
	// module is the upstream module whose version is the component's.
	module string
	// pkg is the main package to build.
	pkg string
	// ldflags are added to the link; {version}, {major} and {minor} are replaced.
	ldflags string
}

// kubernetesVersion makes the binaries say what they are. Built without, they
// call themselves v0.0.0, and clusterctl refuses such a server.
const kubernetesVersion = "-X k8s.io/component-base/version.gitVersion={version}" +
	" -X k8s.io/component-base/version.gitMajor={major}" +
	" -X k8s.io/component-base/version.gitMinor={minor}"

func kubernetes(command string) component {
	return component{
		folder:  "kubernetes",
		module:  "k8s.io/kubernetes",
		pkg:     "k8s.io/kubernetes/cmd/" + command,
		ldflags: kubernetesVersion,
	}
}

func clusterAPI(pkg string) component {
	return component{folder: "cluster-api", module: "sigs.k8s.io/cluster-api", pkg: pkg}
}

var known = map[string]component{
	"etcd":                    {folder: "etcd", module: "go.etcd.io/etcd/server/v3", pkg: "go.etcd.io/etcd/server/v3"},
	"kube-apiserver":          kubernetes("kube-apiserver"),
	"kube-controller-manager": kubernetes("kube-controller-manager"),
	"kube-scheduler":          kubernetes("kube-scheduler"),
	"kubelet":                 kubernetes("kubelet"),
	"kube-proxy":              kubernetes("kube-proxy"),
	"kubectl":                 kubernetes("kubectl"),
	"coredns":                 {folder: "coredns", module: "github.com/coredns/coredns", pkg: "github.com/coredns/coredns"},
	"cluster-api-manager":     clusterAPI("sigs.k8s.io/cluster-api/core"),
	"clusterctl":              clusterAPI("sigs.k8s.io/cluster-api/cmd/clusterctl"),
	"caddy":                   {folder: "caddy", module: "github.com/caddyserver/caddy/v2", pkg: "github.com/caddyserver/caddy/v2/cmd/caddy"},
	// gateway-api is no program: its module has the kinds of the Gateway API.
	"gateway-api": {folder: "gateway-api", module: "sigs.k8s.io/gateway-api"},
	// tether is ours and has no upstream: it ends a child with its parent.
	"tether": {folder: "tether", pkg: "."},
}

// Names returns the names that Path knows, sorted.
func Names() []string {
	names := make([]string, 0, len(known))
	for name, c := range known {
		if c.pkg != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Version returns the version of the upstream module that the component is
// built from, such as v1.37.2, as its go.mod names it.
func Version(name string) (string, error) {
	c, ok := known[name]
	if !ok {
		return "", fmt.Errorf("no component is called %q", name)
	}
	dir, err := c.dir()
	if err != nil {
		return "", err
	}
	return c.version(dir)
}

// version reads the required version of the component's module.
func (c component) version(dir string) (string, error) {
	if c.module == "" {
		return "", nil
	}
	file, err := os.Open(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", fmt.Errorf("reading the version of %s: %w", c.module, err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "require "))
		if len(fields) >= 2 && fields[0] == c.module && strings.HasPrefix(fields[1], "v") {
			return fields[1], nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", file.Name(), c.module)
}

// linkerFlags are part of the key of a binary.
func (c component) linkerFlags(version string) string {
	parts := append(strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3), "", "")
	return strings.NewReplacer("{version}", version, "{major}", parts[0], "{minor}", parts[1]).
		Replace("-s -w " + c.ldflags)
}
