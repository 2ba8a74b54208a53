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

// isNamed returns whether the statement is for one of the zones, on any port.
func (o owner) isNamed(s statement) bool {
	return !s.isImport() && slices.ContainsFunc(s.keys, func(key string) bool {
		zone, _ := splitKey(key)
		return slices.ContainsFunc(o.Zones, func(other string) bool { return strings.EqualFold(zone, other) })
	})
}

// recognizes returns whether the statement is a block for one of the zones as we or the old project write it. A block that is
// bound to addresses is not, if the main block is not bound.
func (o owner) recognizes(s statement) bool {
	if !slices.ContainsFunc(o.Zones, func(zone string) bool { return servesZone(s, zone, o.listen.port) }) {
		return false
	}
	forwards := 0
	for _, p := range s.plugins() {
		switch {
		case p.name == bindWord && len(o.listen.bind) > 0:
		case !isPluginOfOurs(p.name):
			return false
		case p.name != "forward":
		case len(p.arguments) < 2 || p.arguments[0] != "." || !o.areOurs(p.arguments[1:]):
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

// foreign returns ErrForeignBlock for the first of the server blocks, which are not ours, that serves the zone.
func (o owner) foreign(f *files, blocks []statement, zone string) error {
	for _, s := range blocks {
		if servesZone(s, zone, o.listen.port) {
			return fmt.Errorf("%w: the block %q in line %d of %s serves %s and is not ours",
				ErrForeignBlock, strings.Join(s.keys, " "), s.first, f.name(s.file), zone)
		}
	}
	return nil
}

// plugin is one of a server block.
type plugin struct {
	name      string
	arguments []string
	// options are the first words of the lines in its braces.
	options []string
	// first and last are its tokens at the ends.
	first, last token
}

// plugins returns the plugins of a server block in their order.
func (s statement) plugins() []plugin {
	var plugins []plugin
	depth := 0
	for i, t := range s.body {
		newPlugin := depth == 0 && (i == 0 || t.starts && t.text != openBrace)
		if newPlugin {
			plugins = append(plugins, plugin{name: t.text, first: t})
		}
		p := &plugins[len(plugins)-1]
		p.last = t
		switch {
		case newPlugin:
		case t.text == openBrace:
			depth++
		case t.text == closeBrace:
			depth--
		case depth == 0:
			p.arguments = append(p.arguments, t.text)
		case depth == 1 && (t.starts || s.body[i-1].text == openBrace):
			p.options = append(p.options, t.text)
		}
	}
	return plugins
}

// bodyText is equal for two bodies with the same tokens on the same lines, whatever their comments and indentation.
func (s statement) bodyText() string {
	var text strings.Builder
	for i, t := range s.body {
		separator := " "
		if i > 0 && t.starts {
			separator = "\n"
		}
		text.WriteString(separator + strconv.Quote(t.text))
	}
	return text.String()
}
