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
	// reloadTime is how long CoreDNS may take to load a changed Corefile: the kubelet's sync and
	// the plugin reload.
	reloadTime = 3 * time.Minute
	// maxState limits an encoded State, in bytes. A server with two mounts has about 600. Servers
	// are repeated in the arguments of a container.
	maxState = 16 << 10
	// maxTouched limits State.Touched. It allows two keys per server: its Corefile and a file that
	// it imports.
	maxTouched = 2 * MaxServers
)

// State is the stored knowledge about the DNS servers of one cluster. Its methods return a new
// State.
type State struct {
	// Found are the servers that Find returned. Find is called only if lookups fail with the known
	// servers.
	Found []corefile.Server `json:"found,omitempty"`
	// Touched are the keys that have or had our server blocks, as <namespace>/<configmap>/<key>,
	// the latest last.
	Touched []string `json:"touched,omitempty"`
}

// ParseState parses the result of State.String. It drops invalid parts.
func ParseState(text string) State {
	st := State{}
	if len(text) > maxState || json.Unmarshal([]byte(text), &st) != nil {
		return State{}
	}
	st.Found = slices.DeleteFunc(st.Found, func(s corefile.Server) bool {
		_, ok := corefile.ParseFile(s.Corefile.Ref())
		return !ok
	})
	st.Touched = slices.DeleteFunc(st.Touched, func(ref string) bool { _, ok := corefile.ParseFile(ref); return !ok })
	return st
}

// String returns the State as JSON, or "" if it is empty.
func (st State) String() string {
	if len(st.Found)+len(st.Touched) == 0 {
		return ""
	}
	text, err := json.Marshal(st)
	if err != nil {
		panic(err) // All fields can be encoded.
	}
	return string(text)
}

// AddTouched adds a key that is about to have a server block.
func (st State) AddTouched(file corefile.File) State {
	if !slices.Contains(st.Touched, file.Ref()) {
		st.Touched = append(slices.Clone(st.Touched), file.Ref())
		st.Touched = st.Touched[max(0, len(st.Touched)-maxTouched):]
	}
	return st
}

// AddReported adds the keys in which dns-config-patcher reports server blocks. A report may be
// forged, so it adds only keys of ConfigMaps to which the patcher has been given rights. pinned is
// the Corefile in the Cluster's annotation, or nil.
func (st State) AddReported(reported map[string]string, pinned *corefile.File) State {
	given := corefile.ConfigMapsOf(st.All(pinned))
	return st.addReported(reported, func(file corefile.File) bool { return slices.Contains(given, file.ConfigMap) })
}

// AddAllReported adds all keys that dns-config-patcher reports. It is for a removal, which the
// manager does with its own rights.
func (st State) AddAllReported(reported map[string]string) State {
	return st.addReported(reported, func(corefile.File) bool { return true })
}

func (st State) addReported(reported map[string]string, counts func(corefile.File) bool) State {
	refs := strings.SplitN(reported[report.KeyWrittenTo], ",", maxTouched+1)
	for _, ref := range refs[:min(len(refs), maxTouched)] {
		if file, ok := corefile.ParseFile(ref); ok && counts(file) {
			st = st.AddTouched(file)
		}
	}
	return st
}

// All returns every server that may have our server blocks.
func (st State) All(pinned *corefile.File) []corefile.Server {
	all := corefile.Known()
	for _, server := range slices.Concat(st.Found, st.Choice(pinned).Wanted(), st.touched()) {
		if i := slices.IndexFunc(all, func(s corefile.Server) bool { return s.Corefile == server.Corefile }); i < 0 {
			all = append(all, server)
		} else if server.Complete {
			all[i] = server
		}
	}
	return all
}

// AddFound adds found servers. Previously found servers stay, because Pods on other nodes may query
// them. It returns the same State if all found servers are known and their Corefiles can be edited.
func (st State) AddFound(found []corefile.Server, reported map[string]string) State {
	isKnown := func(s corefile.Server) bool { return contains(corefile.Known(), s) }
	editable := reported[report.KeyState] != string(report.UnsupportedCorefile)
	if len(found) == 0 || len(st.Found) == 0 && editable && !slices.ContainsFunc(found, func(s corefile.Server) bool { return !isKnown(s) }) {
		return st
	}
	all := slices.Clone(found)
	for _, former := range st.Found {
		if !contains(all, former) {
			all = append(all, former)
		}
	}
	// Caches come last.
	slices.SortStableFunc(all, func(a, b corefile.Server) int { return rank(a) - rank(b) })
	learnt := State{Found: all[:min(len(all), MaxServers)], Touched: st.Touched}
	if len(learnt.String()) > maxState {
		return st
	}
	return learnt
}

func rank(s corefile.Server) int {
	if s.Cache {
		return 1
	}
	return 0
}

// Choice returns the servers to configure. If a Corefile is pinned, it is only the server of that
// Corefile. Otherwise, these are the found servers and the known ones with a block, or the known
// ones if none was found. Other servers with a block are former ones.
func (st State) Choice(pinned *corefile.File) corefile.Choice {
	touched := st.touched()
	choice := corefile.Choice{}
	switch {
	case pinned != nil:
		server := st.serverOf(*pinned)
		server.Cache = false // It is configured even if no server behind it is known.
		choice.Servers = []corefile.Server{server}
	case len(st.Found) > 0:
		choice.Servers = slices.Clone(st.Found)
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
func (st State) touched() []corefile.Server {
	var servers []corefile.Server
	for _, ref := range st.Touched {
		file, ok := corefile.ParseFile(ref)
		if !ok {
			continue
		}
		server := st.readerOf(file)
		if !contains(servers, server) {
			servers = append(servers, server)
		}
	}
	return servers
}

// readerOf returns the server with a key as its main Corefile, or one that can import it.
func (st State) readerOf(file corefile.File) corefile.Server {
	servers := slices.Concat(st.Found, corefile.Known())
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
	return st.serverOf(file)
}

// serverOf returns the found or known server with a main Corefile, or a new one that mounts only
// the ConfigMap.
func (st State) serverOf(file corefile.File) corefile.Server {
	for _, server := range slices.Concat(st.Found, corefile.Known()) {
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

// IsDue returns whether to call Find: if no Corefile is known or can be edited, or if lookups fail
// although CoreDNS has had time to load its Corefile. Otherwise, after is the time until a call is
// due, or 0 for none.
func (st State) IsDue(reported map[string]string, now time.Time) (due bool, after time.Duration) {
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
	if st.asksUnknownCache(reported) {
		return true, 0
	}
	since, err := time.Parse(time.RFC3339, reported[report.KeySince])
	left := since.Add(reloadTime).Sub(now)
	// The reported time is from another clock.
	if err != nil || left <= 0 || left > 2*reloadTime {
		return true, 0
	}
	return false, left
}

// asksUnknownCache returns whether Pods query a cache on the node, at a link-local address, and no
// cache has a block.
func (st State) asksUnknownCache(reported map[string]string) bool {
	var caches []types.NamespacedName
	for _, server := range slices.Concat(corefile.Known(), st.Found) {
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

// Explain returns the problem with the found servers as one sentence, or "". It is also a problem
// if Pods do not query the server of the pinned Corefile.
func (f Found) Explain(pinned *corefile.File) string {
	if pinned == nil || len(f.Servers) == 0 || contains(f.Servers, corefile.Server{Corefile: *pinned}) {
		return f.Problem
	}
	var words []string
	for _, server := range f.Servers {
		words = append(words, server.Corefile.Ref())
	}
	return "The Cluster's annotation " + annotation + " names " + pinned.Ref() + ", but Pods ask a server that reads " + strings.Join(words, " and ")
}
