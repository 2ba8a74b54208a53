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

// facts are the parts of a server's configuration that Find needs.
type facts struct {
	// exists is true if the main Corefile exists.
	exists bool
	// writer is the controller that owns the Corefile's ConfigMap, or empty.
	writer string
	// isTooLong is true if the main Corefile is too long to be read.
	isTooLong bool
	// binds are the addresses of the plugin bind, and targets those of the plugin forward.
	binds, targets []netip.Addr
	// kubernetes is true if the server has the plugin kubernetes.
	kubernetes bool
}

// read returns the facts of a server, or false if an object is not known yet. It reads all files
// that could be imported, because they can have any part of the configuration.
func (f *finder) read(server corefile.Server) (facts, bool) {
	var configMaps []*corev1.ConfigMap
	known := true
	for _, name := range corefile.ConfigMapsOf([]corefile.Server{server}) {
		if f.configMaps[name] = true; len(f.configMaps) > maxConfigMaps {
			f.problem("The DNS servers of Pods read more than %d ConfigMaps", maxConfigMaps)
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
				f.add(&all, configMap.Data[key]) // A key that is too long is skipped. It is usually a list of hosts.
			}
		}
	}
	all.sort()
	return all, known
}

// add adds the facts in one file. It returns false if the file exceeds a limit.
func (f *finder) add(all *facts, content string) bool {
	if len(content) > maxCorefile || f.text+len(content) > maxText {
		return false
	}
	f.text += len(content)
	all.add(content)
	return true
}

// add adds the facts in one file. It does not distinguish server blocks.
func (f *facts) add(content string) {
	words := caddyfile.NewDispenser("Corefile", strings.NewReader(content))
	for words.Next() {
		// NextArg stays on the line, so this word is the first on its line or follows a brace.
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

// lineOf returns the remaining words on the line without an opening brace.
func lineOf(words *caddyfile.Dispenser) []string {
	var arguments []string
	for words.NextArg() {
		if words.Val() != "{" {
			arguments = append(arguments, words.Val())
		}
	}
	return arguments
}

// sort sorts the addresses and removes duplicates, because the keys of a ConfigMap have no order.
func (f *facts) sort() {
	for _, list := range []*[]netip.Addr{&f.binds, &f.targets} {
		slices.SortFunc(*list, netip.Addr.Compare)
		*list = slices.Compact(*list)
	}
}

// addressesOf returns the IP addresses among the words. A word may have the prefix "dns://", a port
// and an IPv6 zone.
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

// writerOf returns the controller that owns a ConfigMap, such as OpenShift's DNS operator, or "".
func writerOf(configMap *corev1.ConfigMap) string {
	if owner := metav1.GetControllerOfNoCopy(configMap); owner != nil {
		return owner.Kind + " " + owner.Name
	}
	return ""
}
