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

package clusterdns

import (
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// Flags of CoreDNS and node-cache. The latter is CoreDNS with a wrapper that renders the Corefile.
const (
	confFlag     = "conf"
	localIPFlag  = "localip"
	baseFlag     = "basecorefile"
	upstreamFlag = "upstreamsvc"
)

const (
	// defaultConf is CoreDNS's default, relative to its working directory.
	defaultConf = "Corefile"
	// Defaults of node-cache.
	defaultNodeCacheConf = "/etc/Corefile"
	defaultNodeCacheBase = "/etc/coredns/Corefile.base"
	defaultUpstream      = "kube-dns"

	// maxMounts limits the mounts of a container. CoreDNS has two or three.
	maxMounts = 16
	// maxPath limits the length of a path, because paths are repeated in the arguments of a
	// container.
	maxPath = 256
)

// program is a container of a Deployment or a DaemonSet that runs CoreDNS.
type program struct {
	kind, namespace, name string
	container             *corev1.Container
	volumes               []corev1.Volume
	flags                 map[string]string
	nodeCache             bool
}

// newProgram returns the first container that runs CoreDNS, or false if there is none.
func newProgram(kind, namespace, name string, template corev1.PodTemplateSpec) (program, bool) {
	for i := range template.Spec.Containers {
		container := &template.Spec.Containers[i]
		p := program{kind: kind, namespace: namespace, name: name, container: container, volumes: template.Spec.Volumes}
		p.flags = flagsOf(slices.Concat(container.Command, container.Args))
		image := imageName(container.Image)
		_, isWrapped := p.flags[localIPFlag]
		_, isConfigured := p.flags[confFlag]
		p.nodeCache = isWrapped || strings.Contains(image, "node-cache")
		if p.nodeCache || isConfigured || strings.Contains(image, "coredns") {
			return p, true
		}
	}
	return program{}, false
}

// String returns the program's name for messages.
func (p program) String() string { return p.kind + " " + p.namespace + "/" + p.name }

// imageName returns the last path element of an image's repository.
func imageName(reference string) string {
	name := path.Base(reference)
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	return name
}

// flagsOf returns the values of the flags that are used here. As in Go's package flag, a name has
// one or two dashes, and the value follows "=" or is the next argument.
func flagsOf(arguments []string) map[string]string {
	flags := map[string]string{}
	for i, argument := range arguments {
		name, isFlag := strings.CutPrefix(argument, "-")
		if !isFlag {
			continue
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		switch name {
		case confFlag, localIPFlag, baseFlag, upstreamFlag:
		default:
			continue
		}
		if !hasValue && i+1 < len(arguments) {
			value = arguments[i+1]
		}
		flags[name] = value
	}
	return flags
}

// localAddresses returns the addresses that node-cache adds to its node and listens on.
func (p program) localAddresses() []netip.Addr {
	return addressesOf(strings.Split(p.flags[localIPFlag], ","))
}

// upstream returns the Service whose ClusterIP replaces a placeholder in node-cache's Corefile.
func (p program) upstream() (types.NamespacedName, bool) {
	if !p.nodeCache {
		return types.NamespacedName{}, false
	}
	name := p.flags[upstreamFlag]
	if name == "" {
		name = defaultUpstream
	}
	return types.NamespacedName{Namespace: p.namespace, Name: name}, len(validation.IsDNS1035Label(name)) == 0
}

// server returns the Server of the program. The error says briefly why it cannot be configured.
func (p program) server() (corefile.Server, error) {
	if len(p.container.VolumeMounts) > maxMounts {
		return corefile.Server{}, fmt.Errorf("it has more than %d volume mounts", maxMounts)
	}
	server := corefile.Server{Path: p.conf(), Complete: true}
	if !validPath.MatchString(server.Path) || len(server.Path) > maxPath {
		return corefile.Server{}, errors.New("the path of its Corefile is not plain")
	}
	for _, vm := range p.container.VolumeMounts {
		mount, err := p.mount(vm)
		if err != nil {
			return corefile.Server{}, err
		}
		server.Mounts = append(server.Mounts, mount)
	}
	var err error
	if server.Corefile, err = p.corefile(server.Mounts); err != nil {
		return corefile.Server{}, err
	}
	server.Words = fmt.Sprintf("ConfigMap %s of %s", server.Corefile.ConfigMap, p)
	return server, nil
}

// conf returns the path of the Corefile.
func (p program) conf() string {
	conf := p.flags[confFlag]
	if conf == "" {
		conf = defaultConf
		if p.nodeCache {
			conf = defaultNodeCacheConf
		}
	}
	return p.absolute(conf)
}

func (p program) absolute(file string) string {
	if path.IsAbs(file) {
		return path.Clean(file)
	}
	return path.Join("/", p.container.WorkingDir, file)
}
