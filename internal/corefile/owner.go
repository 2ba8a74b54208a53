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

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/legacy"
)

// Settings are the desired server blocks, and the data by which ours are recognised.
type Settings struct {
	// Zones are the forwarded zones, in the canonical form of package dnsname. Each has one server
	// block.
	Zones []string
	// ClusterIPs are the addresses of the Service dns-server. Queries are forwarded to the first. A
	// block that forwards to any of them can be ours. Install needs at least one; Uninstall works
	// without.
	ClusterIPs []string
	// Written is the last Plan.Written, or empty if there is none.
	Written string
}

// isOwnPlugin returns whether our blocks may have a plugin: this package writes errors and forward,
// and the migration library adds loop. The 2022 project wrote further ones.
func isOwnPlugin(name string) bool {
	switch name {
	case "errors", "forward", "loop":
		return true
	}
	return legacy.IsBlockPlugin(name)
}

// owner recognises our blocks in one server's configuration.
type owner struct {
	Settings
	// listen is the listener of our blocks.
	listen  listener
	written []statement
}

// newOwner ignores Settings.Written if it cannot be parsed because it was edited. Blocks that
// forward to the ClusterIP are still recognised.
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

// wrote returns whether the statement equals a block in Settings.Written, possibly for a former
// zone.
func (o owner) wrote(s statement) bool {
	return slices.ContainsFunc(o.written, func(w statement) bool {
		if len(w.keys) != 1 {
			return false
		}
		zone, port := splitKey(w.keys[0])
		return servesZone(s, zone, port) && s.bodyText() == w.bodyText()
	})
}

// isNamed returns whether a key of the statement is one of the zones on any port.
func (o owner) isNamed(s statement) bool {
	return !s.isImport() && slices.ContainsFunc(s.keys, func(key string) bool {
		zone, _ := splitKey(key)
		return slices.ContainsFunc(o.Zones, func(other string) bool { return strings.EqualFold(zone, other) })
	})
}

// recognizes returns whether the statement is a block for one of the zones that we or the 2022
// project could have written. If the main block has no bind, ours has none.
func (o owner) recognizes(s statement) bool {
	if !slices.ContainsFunc(o.Zones, func(zone string) bool { return servesZone(s, zone, o.listen.port) }) {
		return false
	}
	forwards := 0
	for _, p := range s.plugins() {
		switch {
		case p.name == bindWord && len(o.listen.bind) > 0:
		case !isOwnPlugin(p.name):
			return false
		case p.name != "forward":
		case len(p.arguments) < 2 || p.arguments[0] != "." || !o.areClusterIPs(p.arguments[1:]):
			return false
		default:
			forwards++
		}
	}
	return forwards == 1
}

func (o owner) areClusterIPs(targets []string) bool {
	return !slices.ContainsFunc(targets, func(target string) bool { return !isAddress(target, o.ClusterIPs) })
}

// foreign returns ErrForeignBlock if one of the blocks serves the zone. The blocks must not include
// ours.
func (o owner) foreign(f *files, blocks []statement, zone string) error {
	for _, s := range blocks {
		if servesZone(s, zone, o.listen.port) {
			return fmt.Errorf("%w: the block %q in line %d of %s serves %s and is not ours",
				ErrForeignBlock, strings.Join(s.keys, " "), s.first, f.name(s.file), zone)
		}
	}
	return nil
}

// plugin is a plugin of a server block.
type plugin struct {
	name      string
	arguments []string
	// options are the first words of the lines in its braces.
	options []string
	// first and last are its first and last token.
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

// bodyText returns a normalised text of the body: the same tokens on the same lines, without
// comments and indentation.
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
