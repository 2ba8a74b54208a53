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

// component is a program, built from a main package of an upstream module.
type component struct {
	// folder is the Go module below this package that pins the version.
	folder string
	// module is the upstream module. Its version is that of the component.
	module string
	// pkg is the main package to build.
	pkg string
	// ldflags are linker flags. {version}, {major} and {minor} are replaced.
	ldflags string
}

// kubernetesVersion sets the version of Kubernetes binaries. The default is v0.0.0, which
// clusterctl refuses.
const kubernetesVersion = "-X k8s.io/component-base/version.gitVersion={version}" +
	" -X k8s.io/component-base/version.gitMajor={major}" +
	" -X k8s.io/component-base/version.gitMinor={minor}"

// Versions is the name of a set of versions that run together.
type Versions string

const (
	// Newest are the newest existing versions. They are the default.
	Newest Versions = "newest"
	// Oldest are the oldest supported versions. Programs that are not part of a supported
	// installation are as in Newest.
	Oldest Versions = "oldest"
)

// versionsVariable is the environment variable with the set of a run. All clusters of a run have
// the same versions.
const versionsVariable = "XCC_VERSIONS"

// Chosen returns the set that $XCC_VERSIONS names, or Newest.
func Chosen() (Versions, error) {
	switch chosen := Versions(os.Getenv(versionsVariable)); chosen {
	case "", Newest:
		return Newest, nil
	case Oldest:
		return Oldest, nil
	default:
		return "", fmt.Errorf("$%s is %q; it must be %s or %s", versionsVariable, chosen, Newest, Oldest)
	}
}

func kubernetes(folder, command string) component {
	return component{
		folder:  folder,
		module:  "k8s.io/kubernetes",
		pkg:     "k8s.io/kubernetes/cmd/" + command,
		ldflags: kubernetesVersion,
	}
}

func clusterAPI(folder, pkg string) component {
	return component{folder: folder, module: "sigs.k8s.io/cluster-api", pkg: pkg}
}

// components returns the components of a set, by name.
func (v Versions) components() map[string]component {
	folder := func(name string) string {
		if v == Oldest {
			return filepath.Join(string(Oldest), name)
		}
		return name
	}
	// Before v1.14, the core provider's manager was at the top of the module.
	core := "sigs.k8s.io/cluster-api/core"
	if v == Oldest {
		core = "sigs.k8s.io/cluster-api"
	}
	return map[string]component{
		"etcd":                    {folder: "etcd", module: "go.etcd.io/etcd/server/v3", pkg: "go.etcd.io/etcd/server/v3"},
		"kube-apiserver":          kubernetes(folder("kubernetes"), "kube-apiserver"),
		"kube-controller-manager": kubernetes(folder("kubernetes"), "kube-controller-manager"),
		"kube-scheduler":          kubernetes(folder("kubernetes"), "kube-scheduler"),
		"kubelet":                 kubernetes(folder("kubernetes"), "kubelet"),
		"kube-proxy":              kubernetes(folder("kubernetes"), "kube-proxy"),
		"kubectl":                 kubernetes(folder("kubernetes"), "kubectl"),
		"coredns":                 {folder: folder("coredns"), module: "github.com/coredns/coredns", pkg: "github.com/coredns/coredns"},
		"cluster-api-manager":     clusterAPI(folder("cluster-api"), core),
		"clusterctl":              clusterAPI(folder("cluster-api"), "sigs.k8s.io/cluster-api/cmd/clusterctl"),
		"caddy":                   {folder: "caddy", module: "github.com/caddyserver/caddy/v2", pkg: "github.com/caddyserver/caddy/v2/cmd/caddy"},
		// gateway-api is not a program. Its module has the CRDs of the Gateway API.
		"gateway-api": {folder: "gateway-api", module: "sigs.k8s.io/gateway-api"},
		// tether is our own program. It ends a process with its parent.
		"tether": {folder: "tether", pkg: "."},
	}
}

// find returns the component with the name in the chosen set.
func find(name string) (component, error) {
	chosen, err := Chosen()
	if err != nil {
		return component{}, err
	}
	c, ok := chosen.components()[name]
	if !ok {
		return component{}, fmt.Errorf("there is no component %q: programs are %s", name, strings.Join(Names(), ", "))
	}
	return c, nil
}

// Names returns the names of all programs, sorted.
func Names() []string {
	all := Newest.components()
	names := make([]string, 0, len(all))
	for name, c := range all {
		if c.pkg != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Version returns the version of the component's upstream module in go.mod, such as v1.37.2.
func Version(name string) (string, error) {
	c, err := find(name)
	if err != nil {
		return "", err
	}
	dir, err := c.dir()
	if err != nil {
		return "", err
	}
	return c.version(dir)
}

// version returns the version of the component's module in the go.mod of a folder.
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
