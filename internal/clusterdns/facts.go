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
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/coredns/caddy/caddyfile"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// facts tell where a server listens, where it forwards to and whether it answers for the cluster.
type facts struct {
	// exists reports that there is a main Corefile, and writer which controller owns it; empty if none does.
	exists bool
	writer string
	// isTooLong reports that the main Corefile was not read.
	isTooLong bool
	// binds are addresses of the plugin bind, and targets those of the plugin forward.
	binds, targets []netip.Addr
	// kubernetes reports that it answers for the cluster's own names.
	kubernetes bool
}

// read returns the facts in the files of a server, or false if they are not known. Imported files can hold any part of the configuration,
// so all files that could be imported count.
func (f *finder) read(server corefile.Server) (facts, bool) {
	var configMaps []*corev1.ConfigMap
	known := true
	for _, name := range corefile.ConfigMapsOf([]corefile.Server{server}) {
		if f.configMaps[name] = true; len(f.configMaps) > maxConfigMaps {
			f.problem("What Pods ask reads more than %d ConfigMaps", maxConfigMaps)
			return facts{}, false
		}
		configMap, err := f.objects.ConfigMap(name)
		if f.unknown(err) {
			known = false
		} else if configMap != nil {
			configMaps = append(configMaps, configMap)
		}
	}
	all := facts{}
	isMain := func(configMap *corev1.ConfigMap, key string) bool {
		return server.Corefile == corefile.File{ConfigMap: types.NamespacedName{Namespace: configMap.Namespace, Name: configMap.Name}, Key: key}
	}
	for _, configMap := range configMaps {
		if content, found := configMap.Data[server.Corefile.Key]; found && isMain(configMap, server.Corefile.Key) {
			all.exists, all.writer, all.isTooLong = true, writerOf(configMap), !f.add(&all, content)
		}
	}
	for _, configMap := range configMaps {
		for _, key := range slices.Sorted(maps.Keys(configMap.Data)) {
			if !isMain(configMap, key) {
				f.add(&all, configMap.Data[key]) // A large key beside a Corefile is a list of hosts.
			}
		}
	}
	all.sort()
	return all, known
}

// add adds the facts in one file, and returns false if there is no room for it.
func (f *finder) add(all *facts, content string) bool {
	if len(content) > maxCorefile || f.text+len(content) > maxText {
		return false
	}
	f.text += len(content)
	all.add(content)
	return true
}

// add adds the facts in one file, without regard to blocks.
func (f *facts) add(content string) {
	words := caddyfile.NewDispenser("Corefile", strings.NewReader(content))
	for words.Next() {
		// Next leads to the next word, and NextArg only to one on the same line: this one starts a line or follows a brace.
		plugin := words.Val()
		switch plugin {
		case "bind", "forward", "proxy", "kubernetes":
		default:
			skipLine(&words)
			continue
		}
		arguments := lineOf(&words)
		switch plugin {
		case "bind":
			f.binds = append(f.binds, addressesOf(arguments)...)
		case "kubernetes":
			f.kubernetes = true
		default:
			if len(arguments) > 1 {
				f.targets = append(f.targets, addressesOf(arguments[1:])...)
			}
		}
	}
}

func skipLine(words *caddyfile.Dispenser) {
	for words.NextArg() {
	}
}

// lineOf returns the other words on the line, without the brace that opens a block of options.
func lineOf(words *caddyfile.Dispenser) []string {
	var arguments []string
	for words.NextArg() {
		if words.Val() != "{" {
			arguments = append(arguments, words.Val())
		}
	}
	return arguments
}

// sort puts addresses in order, each once. Keys of a ConfigMap have no order.
func (f *facts) sort() {
	for _, list := range []*[]netip.Addr{&f.binds, &f.targets} {
		slices.SortFunc(*list, netip.Addr.Compare)
		*list = slices.Compact(*list)
	}
}

// addressesOf returns the words that are IP addresses, with or without the scheme of plain DNS, a zone or a port.
func addressesOf(words []string) []netip.Addr {
	var addresses []netip.Addr
	for _, word := range words {
		word = strings.TrimPrefix(word, "dns://")
		if withPort, err := netip.ParseAddrPort(word); err == nil {
			addresses = append(addresses, withPort.Addr().Unmap().WithZone(""))
		} else if address, err := netip.ParseAddr(word); err == nil {
			addresses = append(addresses, address.Unmap().WithZone(""))
		}
	}
	return addresses
}

// writerOf returns which controller, such as that of OpenShift's DNS operator, writes a ConfigMap; empty if none does.
func writerOf(configMap *corev1.ConfigMap) string {
	if owner := metav1.GetControllerOfNoCopy(configMap); owner != nil {
		return owner.Kind + " " + owner.Name
	}
	return ""
}
