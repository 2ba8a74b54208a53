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

// check returns ErrUnsupported if CoreDNS does not start with these server blocks, or might not
// start.
func (x expanded) check() error {
	seen := sockets{unbound: map[zoneOnPort]bool{}, bound: map[zoneOnPort][]string{}}
	for _, b := range x.blocks {
		if err := b.checkPlugins(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnsupported, x.files.position(b.file, b.first), err)
		}
		if err := seen.add(b); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrUnsupported, x.files.position(b.file, b.first), err)
		}
	}
	return nil
}

// standardPlugins are the plugins of a default build of CoreDNS 1.15. Other builds have more.
var standardPlugins = strings.Fields(`root metadata geoip cancel proxyproto quic grpc_server https https3 timeouts multisocket reload nsid
	bufsize bind debug trace ready health pprof shed prometheus errors log dnstap local dns64 siit any chaos loadbalance tsig rewrite autopath
	acl cache header dnssec tls minimal template transfer dynupdate hosts route53 azure clouddns k8s_external kubernetes file auto secondary
	etcd loop forward grpc erratic whoami on sign view nomad`)

// singlePlugins are the plugins that CoreDNS allows only once in a server block.
var singlePlugins = strings.Fields("cache dnssec dynupdate errors grpc hosts kubernetes loop nsid pprof prometheus ready shed tsig view")

// checkPlugins returns an error if CoreDNS refuses the plugins of a server block.
func (s statement) checkPlugins() error {
	last := map[string]token{}
	for _, p := range s.plugins() {
		if p.looksLikeBlock() {
			return fmt.Errorf("%q in the server block %q is not a plugin", p.name, strings.Join(s.keys, " "))
		}
		before, again := last[p.name]
		if again && slices.Contains(singlePlugins, p.name) {
			return fmt.Errorf("the server block %q has the plugin %s twice", strings.Join(s.keys, " "), p.name)
		}
		if again && p.first.continues(before) {
			return fmt.Errorf("the server block %q imports the plugin %s twice from one line", strings.Join(s.keys, " "), p.name)
		}
		last[p.name] = p.last
	}
	return nil
}

// looksLikeBlock returns whether a plugin is really a nested server block: its name is not a word,
// or it is unknown and all its options are names of plugins.
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

// zoneOnPort is a zone as CoreDNS compares them. Only one server block may serve it on an address.
type zoneOnPort struct {
	transport, zone, port string
}

// sockets are the zones by the addresses on which they are served. As in CoreDNS, addresses are
// compared as text.
type sockets struct {
	unbound map[zoneOnPort]bool
	bound   map[zoneOnPort][]string
}

// add adds a server block. It returns an error if the block conflicts with a previous one.
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

// String returns the zone as it appears in messages.
func (z zoneOnPort) String() string {
	return strings.TrimPrefix(z.transport+"://"+z.zone+".:"+z.port, "dns://")
}

// conflictOfView is conflict for a server block with the plugin view. CoreDNS allows several such
// blocks for a zone.
func (o sockets) conflictOfView(zone zoneOnPort, addresses []string, _ bool) error {
	if o.unbound[zone] && len(addresses) > 0 || len(o.bound[zone]) > 0 && len(addresses) == 0 {
		return fmt.Errorf("another server block serves %s, too, and one of them is bound to addresses", zone)
	}
	return nil
}

// conflict returns an error if another server block serves the zone on one of the addresses. No
// addresses mean all.
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

// rejectOverlap returns an error if two addresses of one server block may be the same, because
// CoreDNS refuses that. Two interfaces never share an address.
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

// isUncertain returns whether the addresses of an argument of the plugin bind are unknown, because
// it is an interface or an environment variable. NodeLocal DNSCache replaces its placeholders with
// addresses of its own.
func isUncertain(address string) bool {
	return net.ParseIP(address) == nil && !strings.HasPrefix(address, "__PILLAR__")
}
