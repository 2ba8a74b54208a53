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
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

const (
	// reloadTime is how long CoreDNS may take to read a Corefile that was changed: kubelet's sync and the plugin reload.
	reloadTime = 3 * time.Minute
	// maxMemory bounds a Memory as text, in bytes. A server with two mounts takes about 600. Servers are repeated in the arguments of a
	// container.
	maxMemory = 16 << 10
	// maxTouched is how many keys with server blocks are remembered: two for each server, its Corefile and a file that it imports.
	maxTouched = 2 * MaxServers
)

// Memory remembers the DNS servers of one cluster. Its methods return another Memory and change none.
type Memory struct {
	// Found are servers that were found because lookups did not succeed with those that are known.
	Found []corefile.Server `json:"found,omitempty"`
	// Touched are keys that have or had server blocks of ours, each as <namespace>/<configmap>/<key>, the latest last.
	Touched []string `json:"touched,omitempty"`
}

// ParseMemory returns the Memory that String returned. What was spoilt is forgotten.
func ParseMemory(text string) Memory {
	m := Memory{}
	if len(text) > maxMemory || json.Unmarshal([]byte(text), &m) != nil {
		return Memory{}
	}
	m.Found = slices.DeleteFunc(m.Found, func(s corefile.Server) bool {
		_, ok := corefile.ParseFile(s.Corefile.Ref())
		return !ok
	})
	m.Touched = slices.DeleteFunc(m.Touched, func(ref string) bool { _, ok := corefile.ParseFile(ref); return !ok })
	return m
}

// String returns the Memory as JSON, empty if nothing is remembered.
func (m Memory) String() string {
	if len(m.Found)+len(m.Touched) == 0 {
		return ""
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // It holds nothing that JSON cannot.
	}
	return string(text)
}

// Touch remembers a key that is about to have a server block.
func (m Memory) Touch(file corefile.File) Memory {
	if !slices.Contains(m.Touched, file.Ref()) {
		m.Touched = append(slices.Clone(m.Touched), file.Ref())
		m.Touched = m.Touched[max(0, len(m.Touched)-maxTouched):]
	}
	return m
}

// Note remembers the keys that dns-config-patcher reports as having server blocks. It may report anything, so only ConfigMaps count
// that it has or may have been given. The pinned Corefile is that of the Cluster's annotation, nil if it has none.
func (m Memory) Note(reported map[string]string, pinned *corefile.File) Memory {
	given := corefile.ConfigMapsOf(m.All(pinned))
	return m.note(reported, func(file corefile.File) bool { return slices.Contains(given, file.ConfigMap) })
}

// Trust remembers all keys that dns-config-patcher reports. It is for a removal, which follows from no right of the patcher.
func (m Memory) Trust(reported map[string]string) Memory {
	return m.note(reported, func(corefile.File) bool { return true })
}

func (m Memory) note(reported map[string]string, counts func(corefile.File) bool) Memory {
	refs := strings.SplitN(reported[report.KeyWrittenTo], ",", maxTouched+1)
	for _, ref := range refs[:min(len(refs), maxTouched)] {
		if file, ok := corefile.ParseFile(ref); ok && counts(file) {
			m = m.Touch(file)
		}
	}
	return m
}

// All returns every server that has or may have been given a block.
func (m Memory) All(pinned *corefile.File) []corefile.Server {
	all := corefile.Known()
	for _, server := range slices.Concat(m.Found, m.Choice(pinned).Wanted(), m.touched()) {
		if i := slices.IndexFunc(all, func(s corefile.Server) bool { return s.Corefile == server.Corefile }); i < 0 {
			all = append(all, server)
		} else if server.Complete {
			all[i] = server
		}
	}
	return all
}

// Learn remembers servers that were found, and keeps those that were found before: Pods on other nodes may ask them. It
// returns the same Memory if there is nothing to learn, because all are known and the Corefiles of these could be edited.
func (m Memory) Learn(found []corefile.Server, reported map[string]string) Memory {
	isKnown := func(s corefile.Server) bool { return contains(corefile.Known(), s) }
	editable := reported[report.KeyState] != string(report.UnsupportedCorefile)
	if len(found) == 0 || len(m.Found) == 0 && editable && !slices.ContainsFunc(found, func(s corefile.Server) bool { return !isKnown(s) }) {
		return m
	}
	all := slices.Clone(found)
	for _, former := range m.Found {
		if !contains(all, former) {
			all = append(all, former)
		}
	}
	// A cache comes after the servers behind it.
	slices.SortStableFunc(all, func(a, b corefile.Server) int { return rank(a) - rank(b) })
	learnt := Memory{Found: all[:min(len(all), MaxServers)], Touched: m.Touched}
	if len(learnt.String()) > maxMemory {
		return m
	}
	return learnt
}

func rank(s corefile.Server) int {
	if s.Cache {
		return 1
	}
	return 0
}

// Choice returns which servers are configured: that of the pinned Corefile if there is one, otherwise those that were found beside the
// known ones that have a block, otherwise the known ones. Other servers that had a block are former ones.
func (m Memory) Choice(pinned *corefile.File) corefile.Choice {
	touched := m.touched()
	choice := corefile.Choice{}
	switch {
	case pinned != nil:
		server := m.serverOf(*pinned)
		server.Cache = false // It is configured whether or not anything is known behind it.
		choice.Servers = []corefile.Server{server}
	case len(m.Found) > 0:
		choice.Servers = slices.Clone(m.Found)
		for _, known := range corefile.Known() {
			if contains(touched, known) && !contains(choice.Servers, known) {
				choice.Servers = append(choice.Servers, known)
			}
		}
		slices.SortStableFunc(choice.Servers, func(a, b corefile.Server) int { return rank(a) - rank(b) })
	}
	read := corefile.ConfigMapsOf(choice.Wanted())
	for _, server := range touched {
		if !contains(choice.Wanted(), server) && !slices.Contains(read, server.Corefile.ConfigMap) {
			choice.Former = append(choice.Former, server)
		}
	}
	return choice
}

// touched returns the servers that have or had a block.
func (m Memory) touched() []corefile.Server {
	var servers []corefile.Server
	for _, ref := range m.Touched {
		file, ok := corefile.ParseFile(ref)
		if !ok {
			continue
		}
		server := m.readerOf(file)
		if !contains(servers, server) {
			servers = append(servers, server)
		}
	}
	return servers
}

// readerOf returns the server that reads a key as its main Corefile, or imports it.
func (m Memory) readerOf(file corefile.File) corefile.Server {
	servers := slices.Concat(m.Found, corefile.Known())
	for _, reads := range []func(corefile.Server) bool{
		func(s corefile.Server) bool { return s.Corefile == file },
		func(s corefile.Server) bool {
			return s.Corefile.ConfigMap != file.ConfigMap && slices.Contains(corefile.ConfigMapsOf([]corefile.Server{s}), file.ConfigMap)
		},
	} {
		if i := slices.IndexFunc(servers, reads); i >= 0 {
			return servers[i]
		}
	}
	return m.serverOf(file)
}

// serverOf returns the server with a main Corefile. If none was found and none is known, its ConfigMap is all that it reads.
func (m Memory) serverOf(file corefile.File) corefile.Server {
	for _, server := range slices.Concat(m.Found, corefile.Known()) {
		if server.Corefile == file {
			return server
		}
	}
	const folder = "/etc/coredns"
	return corefile.Server{
		Corefile: file, Path: folder + "/" + file.Key, Words: "ConfigMap " + file.ConfigMap.String(),
		Mounts: []corefile.Mount{{Path: folder, ConfigMap: file.ConfigMap}},
	}
}

// contains returns whether a server of the list has the same main Corefile.
func contains(servers []corefile.Server, wanted corefile.Server) bool {
	return slices.ContainsFunc(servers, func(s corefile.Server) bool { return s.Corefile == wanted.Corefile })
}

// IsDue returns whether to look for the servers that Pods ask: no Corefile is known or none can be edited, or lookups fail although CoreDNS
// has had the time to read its Corefile. Otherwise it returns after which time a look is due, 0 if none is.
func (m Memory) IsDue(reported map[string]string, now time.Time) (due bool, after time.Duration) {
	switch report.State(reported[report.KeyState]) {
	case report.CorefileNotFound, report.UnsupportedCorefile:
		return true, 0
	case report.Forwarding:
	default:
		return false, 0
	}
	if reported[report.KeyProbe] == "" {
		return false, 0
	}
	if m.asksUnknownCache(reported) {
		return true, 0
	}
	since, err := time.Parse(time.RFC3339, reported[report.KeySince])
	left := since.Add(reloadTime).Sub(now)
	// The time is that of another clock.
	if err != nil || left <= 0 || left > 2*reloadTime {
		return true, 0
	}
	return false, left
}

// asksUnknownCache returns whether Pods ask a link-local address, which is that of a cache on the node, and no cache has a block.
func (m Memory) asksUnknownCache(reported map[string]string) bool {
	var caches []types.NamespacedName
	for _, server := range slices.Concat(corefile.Known(), m.Found) {
		if server.Cache {
			caches = append(caches, server.Corefile.ConfigMap)
		}
	}
	for ref := range strings.SplitSeq(reported[report.KeyWrittenTo], ",") {
		if file, ok := corefile.ParseFile(ref); ok && slices.Contains(caches, file.ConfigMap) {
			return false
		}
	}
	return slices.ContainsFunc(Nameservers(reported), func(text string) bool {
		address, err := netip.ParseAddr(text)
		return err == nil && address.IsLinkLocalUnicast()
	})
}

// Nameservers returns the nameservers of dns-config-patcher's Pod.
func Nameservers(reported map[string]string) []string {
	return strings.Fields(reported[report.KeyNameservers])
}

// Explain returns the problem with the servers that were found, as one sentence; empty if there is none. A pinned Corefile that Pods do not ask
// is one.
func (f Found) Explain(pinned *corefile.File) string {
	if pinned == nil || len(f.Servers) == 0 || contains(f.Servers, corefile.Server{Corefile: *pinned}) {
		return f.Problem
	}
	var words []string
	for _, server := range f.Servers {
		words = append(words, server.Corefile.Ref())
	}
	return "The Cluster's annotation " + annotation + " names " + pinned.Ref() + ", and Pods ask a server that reads " + strings.Join(words, " and ")
}
