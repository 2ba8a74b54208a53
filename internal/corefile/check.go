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

package corefile

import (
	"fmt"
	"net"
	"slices"
	"strings"
)

// check returns ErrUnsupported if CoreDNS does not start with these server blocks, or if that cannot be told from here.
func (w whole) check() error {
	seen := sockets{unbound: map[zoneOnPort]bool{}, bound: map[zoneOnPort][]string{}}
	for _, b := range w.blocks {
		if err := b.checkPlugins(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnsupported, w.files.place(b.file, b.first), err)
		}
		if err := seen.add(b); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnsupported, w.files.place(b.file, b.first), err)
		}
	}
	return nil
}

// standardPlugins are those that CoreDNS 1.15 is built with. Others are built with more.
var standardPlugins = strings.Fields(`root metadata geoip cancel proxyproto quic grpc_server https https3 timeouts multisocket reload nsid
	bufsize bind debug trace ready health pprof shed prometheus errors log dnstap local dns64 siit any chaos loadbalance tsig rewrite autopath
	acl cache header dnssec tls minimal template transfer dynupdate hosts route53 azure clouddns k8s_external kubernetes file auto secondary
	etcd loop forward grpc erratic whoami on sign view nomad`)

// singlePlugins are those of which CoreDNS allows one in a server block.
var singlePlugins = strings.Fields("cache dnssec dynupdate errors grpc hosts kubernetes loop nsid pprof prometheus ready shed tsig view")

// checkPlugins returns what is wrong with the plugins of a server block.
func (s statement) checkPlugins() error {
	last := map[string]token{}
	for _, p := range s.plugins() {
		if p.looksLikeBlock() {
			return fmt.Errorf("%q, which is no plugin, is within the server block %q", p.name, strings.Join(s.keys, " "))
		}
		before, again := last[p.name]
		if again && slices.Contains(singlePlugins, p.name) {
			return fmt.Errorf("the plugin %s is there twice in the server block %q", p.name, strings.Join(s.keys, " "))
		}
		if again && p.first.continues(before) {
			return fmt.Errorf("the plugin %s is imported twice from one line into the server block %q", p.name, strings.Join(s.keys, " "))
		}
		last[p.name] = p.last
	}
	return nil
}

// looksLikeBlock returns whether it is a server block within another one rather than a plugin. A plugin's name is a word, and a plugin
// that is not known here has not only plugins for options.
func (p plugin) looksLikeBlock() bool {
	if slices.Contains(standardPlugins, p.name) {
		return false
	}
	isWord := strings.IndexFunc(p.name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
	return !isWord || len(p.options) > 0 && !slices.ContainsFunc(p.options, func(option string) bool {
		return !slices.Contains(standardPlugins, option)
	})
}

// zoneOnPort is what CoreDNS allows one server block for on each address.
type zoneOnPort struct {
	transport, zone, port string
}

// sockets knows which zones are served where. It follows the check of CoreDNS, which compares addresses as text.
type sockets struct {
	unbound map[zoneOnPort]bool
	bound   map[zoneOnPort][]string
}

// add returns an error if CoreDNS does not start with the server block beside those that were added before.
func (o sockets) add(s statement) error {
	var addresses []string
	hasOptions := false
	isView := false
	for _, p := range s.plugins() {
		isView = isView || p.name == "view"
		if p.name == bindWord {
			addresses = append(addresses, p.arguments...)
			hasOptions = hasOptions || len(p.options) > 0
		}
	}
	if err := rejectOverlap(addresses); err != nil {
		return fmt.Errorf("the server block %q: %w", strings.Join(s.keys, " "), err)
	}
	for _, key := range s.keys {
		zones, err := zonesOf(key)
		if err != nil {
			return err
		}
		for _, zone := range zones {
			conflict := o.conflict
			if isView {
				conflict = o.conflictOfView
			}
			if err := conflict(zone, addresses, hasOptions); err != nil {
				return fmt.Errorf("the server block %q: %w", strings.Join(s.keys, " "), err)
			}
			if !isView {
				o.unbound[zone] = o.unbound[zone] || len(addresses) == 0
				o.bound[zone] = append(o.bound[zone], addresses...)
			}
		}
	}
	return nil
}

// String is how messages call it.
func (z zoneOnPort) String() string {
	return strings.TrimPrefix(z.transport+"://"+z.zone+".:"+z.port, "dns://")
}

// conflictOfView returns an error as conflict does for a server block with the plugin view, which may serve a zone beside others.
func (o sockets) conflictOfView(zone zoneOnPort, addresses []string, _ bool) error {
	if o.unbound[zone] && len(addresses) > 0 || len(o.bound[zone]) > 0 && len(addresses) == 0 {
		return fmt.Errorf("another server block serves %s, too, and one of them is bound to addresses", zone)
	}
	return nil
}

// conflict returns an error if a server block for the zone on these addresses, or on all if there are none, overlaps with another one.
func (o sockets) conflict(zone zoneOnPort, addresses []string, hasOptions bool) error {
	others := slices.Clone(o.bound[zone])
	switch {
	case o.unbound[zone], len(addresses) == 0 && len(others) > 0:
		return fmt.Errorf("another server block serves %s, too", zone)
	case hasOptions && len(others) > 0:
		return fmt.Errorf("another server block may serve %s on the same address, too", zone)
	}
	for _, address := range addresses {
		if slices.Contains(others, address) {
			return fmt.Errorf("another server block serves %s on %s, too", zone, address)
		}
		if len(o.bound[zone]) > 0 && slices.ContainsFunc(append([]string{address}, o.bound[zone]...), isUncertain) {
			return fmt.Errorf("another server block may serve %s on the same address as %s, too", zone, address)
		}
		others = append(others, address)
	}
	return nil
}

// rejectOverlap refuses addresses of one server block of which two may be the same: that is an error for CoreDNS. Two interfaces share
// none.
func rejectOverlap(addresses []string) error {
	for i, address := range addresses {
		for _, other := range addresses[:i] {
			isKnown := isUncertain(address) == isUncertain(other) && !refersToEnvironment(address+other)
			if address == other || !isKnown {
				return fmt.Errorf("it may be bound to one address twice, by %s and %s", other, address)
			}
		}
	}
	return nil
}

// isUncertain returns whether it is not known which addresses a word of the plugin bind stands for: that of an interface or variable.
// Placeholders of NodeLocal DNSCache are addresses of its own.
func isUncertain(address string) bool {
	return net.ParseIP(address) == nil && !strings.HasPrefix(address, "__PILLAR__")
}
