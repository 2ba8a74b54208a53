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
	"strconv"
	"strings"
)

// Settings says what the server blocks are for and how to tell which are ours.
type Settings struct {
	// Zones are the zones that are forwarded, canonical as in package dnsname. There is one server block for each.
	Zones []string
	// ClusterIPs are the addresses of the DNS server's Service. Queries are forwarded to the first, and a block that forwards
	// to any of them can be ours. Ensure and Install need at least one; Remove and Uninstall work without.
	ClusterIPs []string
	// Written is what Plan.Written was last. The empty string is no memory.
	Written string
}

// isPluginOfOurs returns whether this package (errors, forward) or the project that it succeeds (forward, reload) writes
// the plugin, or the migration library adds it to every block that forwards (loop).
func isPluginOfOurs(name string) bool {
	switch name {
	case "errors", "forward", "loop", "reload":
		return true
	}
	return false
}

// owner tells our blocks from others' in one Corefile and what it imports.
type owner struct {
	Settings
	// listen is where the blocks belong.
	listen  listener
	written []statement
}

// newOwner ignores a memory that cannot be parsed: somebody edited it, and the blocks that forward to the ClusterIP are
// recognised without.
func newOwner(settings Settings, listen listener) owner {
	written, err := parse(settings.Written)
	if err != nil {
		written = nil
	}
	return owner{Settings: settings, listen: listen, written: written}
}

// owns returns whether the statement is a server block of ours.
func (o owner) owns(s statement) bool {
	return len(s.keys) == 1 && (o.wrote(s) || o.recognizes(s))
}

// wrote returns whether the statement is as we wrote it once, for a zone that may be ours no longer.
func (o owner) wrote(s statement) bool {
	return slices.ContainsFunc(o.written, func(w statement) bool {
		if len(w.keys) != 1 {
			return false
		}
		zone, port := splitKey(w.keys[0])
		return servesZone(s, zone, port) && s.bodyText() == w.bodyText()
	})
}

// recognizes returns whether the statement is a block for one of the zones as we or the old project write it. One that is
// bound to addresses is not, where the main block is not either.
func (o owner) recognizes(s statement) bool {
	if !slices.ContainsFunc(o.Zones, func(zone string) bool { return servesZone(s, zone, o.listen.port) }) {
		return false
	}
	forwards := 0
	for _, plugin := range s.plugins() {
		switch {
		case isBind(plugin) && len(o.listen.bind) > 0:
		case !isPluginOfOurs(plugin[0]):
			return false
		case plugin[0] != "forward":
		case len(plugin) < 3 || plugin[1] != "." || !o.areOurs(plugin[2:]):
			return false
		default:
			forwards++
		}
	}
	return forwards == 1
}

func (o owner) areOurs(targets []string) bool {
	return !slices.ContainsFunc(targets, func(target string) bool { return !isAddress(target, o.ClusterIPs) })
}

// foreign returns ErrForeignBlock for the first block of somebody else that serves the zone.
func (o owner) foreign(d document, zone string) error {
	for _, s := range d.statements {
		if servesZone(s, zone, o.listen.port) && !o.owns(s) {
			return fmt.Errorf("%w: the block %q in line %d of %s serves %s and is not ours",
				ErrForeignBlock, strings.Join(s.keys, " "), s.first, d.name, zone)
		}
	}
	return nil
}

// plugins returns each plugin of a server block with its arguments, without the options in braces.
func (s statement) plugins() [][]string {
	var plugins [][]string
	depth := 0
	for i, t := range s.body {
		switch newLine := i == 0 || s.body[i-1].lastLine() < t.line; {
		case t.text == openBrace:
			depth++
		case t.text == closeBrace:
			depth--
		case depth > 0:
		case newLine:
			plugins = append(plugins, []string{t.text})
		default:
			plugins[len(plugins)-1] = append(plugins[len(plugins)-1], t.text)
		}
	}
	return plugins
}

// bodyText is equal for two bodies with the same tokens on the same lines, whatever their comments and indentation.
func (s statement) bodyText() string {
	var text strings.Builder
	for i, t := range s.body {
		separator := " "
		if i > 0 && s.body[i-1].lastLine() < t.line {
			separator = "\n"
		}
		text.WriteString(separator + strconv.Quote(t.text))
	}
	return text.String()
}
