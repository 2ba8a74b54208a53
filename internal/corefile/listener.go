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

// listener is where CoreDNS hears what it is asked.
type listener struct {
	port string
	// bind holds the arguments of each plugin bind; none when CoreDNS listens on all addresses.
	bind []string
}

// defaultListener is that of a block that says nothing about it.
func defaultListener() listener {
	return listener{port: defaultPort}
}

// String says what is unusual about it.
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

// listenerOf returns where the main block listens, that of the root zone. Ours must listen right there. The server blocks are those of
// others, with their imports expanded.
//
// CoreDNS opens a socket for each port and each address that blocks are bound to, and answers a query from the blocks of
// the socket that it came to. So beside "bind 0.0.0.0" a block without bind takes a share of all queries and refuses
// those for other zones; beside another address it is never asked. If the main block is on port 8053 because CoreDNS
// may not open port 53, CoreDNS does not start with a block there.
//
// A main block on port 53 counts before those on other ports. If no block serves the root zone, all blocks count as main ones.
func listenerOf(f *files, blocks []statement) (listener, error) {
	found, err := listeners(f, blocks, "the root zone", func(zone string) bool { return zone == "" })
	if err == nil && len(found) == 0 {
		found, err = listeners(f, blocks, "any zone", func(string) bool { return true })
		err = errors.Join(err, rejectBound(f, found))
	}
	if err != nil {
		return listener{}, err
	}
	if onDefault := slices.DeleteFunc(slices.Clone(found), func(l placed) bool { return l.port != defaultPort }); len(onDefault) > 0 {
		found = onDefault
	}
	if len(found) == 0 {
		return defaultListener(), nil
	}
	for _, other := range found[1:] {
		if other.port != found[0].port || !slices.Equal(other.bind, found[0].bind) {
			return listener{}, fmt.Errorf("%w: %s: the blocks for %s listen in different places, so it is not known where to put one for another zone",
				ErrUnsupported, f.place(other.block.file, other.block.first), other.zones)
		}
	}
	return found[0].listener, nil
}

// rejectBound refuses server blocks that are bound to addresses, if none serves the root zone: it is not known whether pods ask there.
func rejectBound(f *files, found []placed) error {
	i := slices.IndexFunc(found, func(l placed) bool { return len(l.bind) > 0 })
	if i < 0 {
		return nil
	}
	b := found[i].block
	return fmt.Errorf("%w: %s: the block %q is bound to addresses and there is none for the root zone to go by",
		ErrUnsupported, f.place(b.file, b.first), strings.Join(b.keys, " "))
}

// placed is the listener of a server block.
type placed struct {
	listener
	block statement
	// zones are what it was found by.
	zones string
}

// listeners returns where the server blocks listen that serve such zones over plain DNS.
func listeners(f *files, blocks []statement, words string, isWanted func(zone string) bool) ([]placed, error) {
	var found []placed
	for _, s := range blocks {
		for _, key := range s.keys {
			zone, port := splitKey(key)
			if strings.Contains(zone, "://") || !isWanted(zone) {
				continue
			}
			bind, err := s.bindings()
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrUnsupported, f.place(s.file, s.first), err)
			}
			found = append(found, placed{listener{port: port, bind: bind}, s, words})
		}
	}
	return found, nil
}

// isOn returns whether the statement serves a zone over plain DNS on the listener's port.
func (l listener) isOn(s statement) bool {
	return slices.ContainsFunc(s.keys, func(key string) bool {
		zone, port := splitKey(key)
		return port == l.port && !strings.Contains(zone, "://")
	})
}

// rejectOtherWildcards refuses a listener on all addresses if another server block is on all addresses of the same port in another way, such as
// without bind and with "bind 0.0.0.0". CoreDNS has a socket for each, and the kernel gives each a share of the queries.
func (l listener) rejectOtherWildcards(w whole) error {
	own := wildcards(l.bind)
	if len(own) == 0 {
		return nil
	}
	for _, s := range w.blocks {
		// What cannot be repeated is not the main block's, and counts for what it names.
		var bind []string
		for _, p := range s.plugins() {
			if p.name == bindWord {
				bind = append(bind, strings.Join(p.arguments, " "))
			}
		}
		if others := wildcards(bind); l.isOn(s) && len(others) > 0 && !slices.Equal(own, others) {
			return fmt.Errorf("%w: %s: the block %q listens on all addresses of port %s in another way than the main block, so that each gets a share of the queries",
				ErrUnsupported, w.files.place(s.file, s.first), strings.Join(s.keys, " "), l.port)
		}
	}
	return nil
}

// wildcards returns those of the addresses that stand for all, sorted: the empty one if there are no addresses.
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

// rejectSockets refuses a block of ours in front of all others of its port if one of them has the plugin multisocket: the first block says
// how many sockets there are.
func (l listener) rejectSockets(w whole, isOurs func(statement) bool) error {
	blocks := slices.DeleteFunc(slices.Clone(w.blocks), func(s statement) bool { return !l.isOn(s) })
	if len(blocks) == 0 || !isOurs(blocks[0]) {
		return nil
	}
	for _, s := range blocks {
		if slices.ContainsFunc(s.plugins(), func(p plugin) bool { return p.name == "multisocket" }) {
			return fmt.Errorf("%w: %s: the block %q has the plugin multisocket, for which it must stand in front of what is imported",
				ErrUnsupported, w.files.place(s.file, s.first), strings.Join(s.keys, " "))
		}
	}
	return nil
}

// bindings returns the arguments of the statement's plugins bind. It refuses those that cannot be repeated word by word. References
// to environment variables can: our block is read by the same process.
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
			return nil, fmt.Errorf("the addresses to which the block %q is bound cannot be repeated: %q", strings.Join(s.keys, " "), p.arguments)
		}
		bindings = append(bindings, arguments)
	}
	return bindings, nil
}

// render returns the server block of a zone. It has no cache, so that a changed record is answered at once. It has no
// reload either: that plugin's interval is one for the whole of CoreDNS and the administrator's to choose.
//
// Forward's defaults fit a ClusterIP, behind which kube-proxy picks a healthy replica: probing starts when an
// exchange fails and repeats every 0.5 s, queries keep being tried meanwhile, once each instead of until they time out,
// and the first good probe ends that. The limit on concurrent queries is that of Kubernetes's default Corefile: a
// DNS server that hangs must not cost CoreDNS its memory. The migration library adds it where it is missing.
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
