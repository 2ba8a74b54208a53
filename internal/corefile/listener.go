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
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
)

// listener is the port and the addresses of a server block.
type listener struct {
	port string
	// bind has the arguments of each plugin bind. It is empty if the block listens on all
	// addresses.
	bind []string
}

// defaultListener returns the listener of a block without a port or bind.
func defaultListener() listener {
	return listener{port: defaultPort}
}

// String returns the settings that differ from the default, for messages.
func (l listener) String() string {
	var words string
	if l.port != defaultPort {
		words = ", port " + l.port
	}
	if len(l.bind) > 0 {
		words += ", bound to " + strings.Join(l.bind, " ")
	}
	return words
}

// listenerOf returns the listener of the main block, which serves the root zone. Our blocks must
// have the same listener. The server blocks must be expanded and without ours.
//
// CoreDNS opens a socket for each port and bound address, and answers a query only from the blocks
// of its socket. Beside "bind 0.0.0.0", a block without bind gets a part of all queries and refuses
// those for other zones. Beside another address, it gets no queries. If the main block uses port
// 8053 because CoreDNS may not open port 53, CoreDNS does not start with a block on port 53.
//
// A main block on port 53 takes precedence over other ports. If no block serves the root zone, all
// blocks count as main blocks.
func listenerOf(f *files, blocks []statement) (listener, error) {
	found, err := listeners(f, blocks, "the root zone", func(zone string) bool { return zone == "" })
	if err == nil && len(found) == 0 {
		found, err = listeners(f, blocks, "any zone", func(string) bool { return true })
		err = errors.Join(err, rejectBound(f, found))
	}
	if err != nil {
		return listener{}, err
	}
	if onDefault := slices.DeleteFunc(slices.Clone(found), func(l blockListener) bool { return l.port != defaultPort }); len(onDefault) > 0 {
		found = onDefault
	}
	if len(found) == 0 {
		return defaultListener(), nil
	}
	for _, other := range found[1:] {
		if other.port != found[0].port || !slices.Equal(other.bind, found[0].bind) {
			return listener{}, fmt.Errorf("%w: %s: the blocks for %s have different ports or addresses, so those of a new block are ambiguous",
				ErrUnsupported, f.position(other.block.file, other.block.first), other.zones)
		}
	}
	return found[0].listener, nil
}

// rejectBound returns an error if a block is bound to addresses. It is for a configuration without
// a block for the root zone, where it is unknown which addresses pods query.
func rejectBound(f *files, found []blockListener) error {
	i := slices.IndexFunc(found, func(l blockListener) bool { return len(l.bind) > 0 })
	if i < 0 {
		return nil
	}
	b := found[i].block
	return fmt.Errorf("%w: %s: the block %q is bound to addresses, and no block serves the root zone",
		ErrUnsupported, f.position(b.file, b.first), strings.Join(b.keys, " "))
}

// blockListener is the listener of a server block.
type blockListener struct {
	listener
	block statement
	// zones describes the zones for messages.
	zones string
}

// listeners returns the listeners of the server blocks that serve a wanted zone over plain DNS.
func listeners(f *files, blocks []statement, words string, isWanted func(zone string) bool) ([]blockListener, error) {
	var found []blockListener
	for _, s := range blocks {
		for _, key := range s.keys {
			zone, port := splitKey(key)
			if strings.Contains(zone, "://") || !isWanted(zone) {
				continue
			}
			bind, err := s.bindings()
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrUnsupported, f.position(s.file, s.first), err)
			}
			found = append(found, blockListener{listener{port: port, bind: bind}, s, words})
		}
	}
	return found, nil
}

// isOn returns whether a server block serves a zone over plain DNS on the listener's port.
func (l listener) isOn(s statement) bool {
	return slices.ContainsFunc(s.keys, func(key string) bool {
		zone, port := splitKey(key)
		return port == l.port && !strings.Contains(zone, "://")
	})
}

// rejectOtherWildcards returns an error if the listener and another server block use all addresses
// of the same port in different ways, such as no bind and "bind 0.0.0.0". CoreDNS opens a socket
// for each, and the kernel distributes the queries among them.
func (l listener) rejectOtherWildcards(x expanded) error {
	own := wildcards(l.bind)
	if len(own) == 0 {
		return nil
	}
	for _, s := range x.blocks {
		// bindings would return an error for arguments that cannot be repeated. Here, their text is
		// enough.
		var bind []string
		for _, p := range s.plugins() {
			if p.name == bindWord {
				bind = append(bind, strings.Join(p.arguments, " "))
			}
		}
		if others := wildcards(bind); l.isOn(s) && len(others) > 0 && !slices.Equal(own, others) {
			return fmt.Errorf("%w: %s: the block %q listens on all addresses of port %s in another way than the main block, so each gets only a part of the queries",
				ErrUnsupported, x.files.position(s.file, s.first), strings.Join(s.keys, " "), l.port)
		}
	}
	return nil
}

// wildcards returns the unspecified addresses among the arguments of bind, sorted. Without
// arguments, it returns "".
func wildcards(bind []string) []string {
	if len(bind) == 0 {
		return []string{""}
	}
	var found []string
	for address := range strings.FieldsSeq(strings.Join(bind, " ")) {
		if ip := net.ParseIP(address); ip != nil && ip.IsUnspecified() {
			found = append(found, ip.String())
		}
	}
	slices.Sort(found)
	return found
}

// rejectSockets returns an error if one of our blocks is the first on its port and another has the
// plugin multisocket. The first block determines the number of sockets.
func (l listener) rejectSockets(x expanded, isOurs func(statement) bool) error {
	blocks := slices.DeleteFunc(slices.Clone(x.blocks), func(s statement) bool { return !l.isOn(s) })
	if len(blocks) == 0 || !isOurs(blocks[0]) {
		return nil
	}
	for _, s := range blocks {
		if slices.ContainsFunc(s.plugins(), func(p plugin) bool { return p.name == "multisocket" }) {
			return fmt.Errorf("%w: %s: the block %q has the plugin multisocket, so it must come before the import",
				ErrUnsupported, x.files.position(s.file, s.first), strings.Join(s.keys, " "))
		}
	}
	return nil
}

// bindings returns the arguments of each plugin bind of a server block. It returns an error if our
// block cannot repeat them literally. References to environment variables can be repeated, because
// the same process reads our block.
func (s statement) bindings() ([]string, error) {
	var bindings []string
	for _, p := range s.plugins() {
		if p.name != bindWord {
			continue
		}
		if len(p.options) > 0 || p.last.text == closeBrace {
			return nil, fmt.Errorf("the block %q is bound to addresses with options, which is not supported", strings.Join(s.keys, " "))
		}
		arguments := strings.Join(p.arguments, " ")
		again := tokenize(bindWord+" "+arguments, "")
		isSame := slices.EqualFunc(p.arguments, again[1:], func(argument string, t token) bool {
			return argument == t.text && argument != openBrace && argument != closeBrace
		})
		if !isSame || strings.ContainsAny(arguments, "\"\n\r") {
			return nil, fmt.Errorf("the addresses of bind in the block %q cannot be repeated: %q", strings.Join(s.keys, " "), p.arguments)
		}
		bindings = append(bindings, arguments)
	}
	return bindings, nil
}

// render returns the server block for a zone. It has no cache, so that a changed record is
// effective immediately. It has no reload, because its interval applies to all of CoreDNS and is
// the administrator's choice.
//
// The defaults of forward fit a ClusterIP, behind which kube-proxy selects a ready replica. If a
// query fails, forward probes every 0.5 s until a probe succeeds, and tries each query once
// meanwhile.
//
// max_concurrent protects CoreDNS's memory if the dns-server hangs. The value is that of
// Kubernetes' default Corefile. The migration library adds it if it is missing.
func (l listener) render(zone, clusterIP string) string {
	var bind strings.Builder
	for _, addresses := range l.bind {
		fmt.Fprintf(&bind, "    %s %s\n", bindWord, addresses)
	}
	return fmt.Sprintf(`%s:%s {
    # Kept by dns-config-patcher in the namespace xcc-dns. Take it out to have it written anew.
    errors
%s    forward . %s {
        max_concurrent 1000
    }
}
`, zone, l.port, bind.String(), clusterIP)
}
