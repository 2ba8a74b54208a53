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

// listenerOf returns where the main block listens, that of the root zone. Ours must listen right there.
//
// CoreDNS opens a socket for each port and each address that blocks are bound to, and answers a query from the blocks of
// the socket that it came to. So beside "bind 0.0.0.0" a block without bind takes a share of all queries and refuses
// those for other zones; beside another address it is never asked. If the main block is on port 8053 because CoreDNS
// may not open port 53, CoreDNS does not start with a block there.
//
// A main block on port 53 counts before those on other ports. A Corefile without a main block says nothing about the port.
func listenerOf(statements []statement) (listener, error) {
	var found []listener
	var line int
	for _, s := range statements {
		ports := s.rootPorts()
		if len(ports) == 0 {
			continue
		}
		bind, err := s.bindings()
		if err != nil {
			return listener{}, err
		}
		line = s.first
		for _, port := range ports {
			found = append(found, listener{port: port, bind: bind})
		}
	}
	if onDefault := slices.DeleteFunc(slices.Clone(found), func(l listener) bool { return l.port != defaultPort }); len(onDefault) > 0 {
		found = onDefault
	}
	if len(found) == 0 {
		return defaultListener(), rejectBound(statements)
	}
	for _, other := range found[1:] {
		if other.port != found[0].port || !slices.Equal(other.bind, found[0].bind) {
			return listener{}, unsupported(line, "the blocks for the root zone listen in different places, so it is not known where to put one for another zone")
		}
	}
	return found[0], nil
}

// rejectBound refuses a Corefile that has no main block and blocks that are bound to addresses.
func rejectBound(statements []statement) error {
	for _, s := range statements {
		if !s.isImport() && slices.ContainsFunc(s.plugins(), isBind) {
			return unsupported(s.first, "the block %q is bound to addresses and there is none for the root zone to go by", strings.Join(s.keys, " "))
		}
	}
	return nil
}

func isBind(plugin []string) bool {
	return plugin[0] == bindWord
}

// rootPorts returns the ports on which the statement serves the root zone over plain DNS.
func (s statement) rootPorts() []string {
	if s.isImport() {
		return nil
	}
	var ports []string
	for _, key := range s.keys {
		if zone, port := splitKey(key); zone == "" {
			ports = append(ports, port)
		}
	}
	return ports
}

// bindings returns the arguments of the statement's plugins bind. It refuses those that cannot be repeated word by word.
func (s statement) bindings() ([]string, error) {
	var bindings []string
	for _, plugin := range s.plugins() {
		if !isBind(plugin) {
			continue
		}
		arguments := strings.Join(plugin[1:], " ")
		if slices.Contains(plugin[1:], "") || len(strings.Fields(arguments)) != len(plugin)-1 || strings.ContainsAny(arguments, "\"#{}") {
			return nil, unsupported(s.first, "the addresses to which the block for the root zone is bound cannot be repeated: %q", plugin[1:])
		}
		bindings = append(bindings, arguments)
	}
	if s.hasOptions(bindWord) {
		return nil, unsupported(s.first, "the block for the root zone is bound to addresses with options, which is not supported")
	}
	return bindings, nil
}

// hasOptions returns whether the plugin has braces.
func (s statement) hasOptions(plugin string) bool {
	current, depth := "", 0
	for i, t := range s.body {
		switch newLine := i == 0 || s.body[i-1].lastLine() < t.line; {
		case t.text == openBrace && depth == 0 && current == plugin:
			return true
		case t.text == openBrace:
			depth++
		case t.text == closeBrace:
			depth--
		case depth == 0 && newLine:
			current = t.text
		}
	}
	return false
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
