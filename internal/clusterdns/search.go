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
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// nameserver finds the servers at an address in a Pod's resolv.conf.
func (f *finder) nameserver(nameserver string) {
	address, err := netip.ParseAddr(nameserver)
	if err != nil {
		f.problem("Pods ask %q, which is not an IP address", text.Line(nameserver, maxProblem/2))
		return
	}
	address = address.Unmap()
	onNodes := f.onNodes(address)
	service, err := f.objects.ServiceOf(address)
	if f.unknown(err) {
		return
	}
	switch {
	case service != nil:
		f.behind(service, fmt.Sprintf("Pods ask %s, which is Service %s/%s", address, service.Namespace, service.Name), len(onNodes) > 0)
	case len(onNodes) == 0 && len(f.errs) == 0:
		f.problem("Pods ask %s, which is the ClusterIP of no Service, and no DaemonSet with a Corefile in a ConfigMap is bound to it on the nodes", address)
	}
	for _, p := range onNodes {
		f.use(p, fmt.Sprintf("Pods ask %s, which is %s", address, p))
	}
}

// onNodes returns the programs that are bound to an address on every node.
func (f *finder) onNodes(address netip.Addr) []program {
	all, err := f.objects.DaemonSets()
	if f.unknown(err) {
		return nil
	}
	var found []program
	candidates := 0
	for _, set := range all {
		if !set.Spec.Template.Spec.HostNetwork {
			continue
		}
		p, ok := newProgram("DaemonSet", set.Namespace, set.Name, set.Spec.Template)
		if !ok {
			continue
		}
		if candidates++; candidates > maxCandidates {
			f.problem("More than %d DaemonSets look like DNS servers on the nodes", maxCandidates)
			return found
		}
		if slices.Contains(p.localAddresses(), address) {
			found = append(found, p)
			continue
		}
		server, err := p.server()
		if err != nil {
			continue
		}
		if facts, ok := f.read(server); ok && slices.Contains(facts.binds, address) {
			found = append(found, p)
		}
	}
	return found
}

// behind finds the programs that a Service selects. words describe the Service in messages. If
// optional is true because a cache on the nodes answers instead, it is no problem if there are
// none.
func (f *finder) behind(service *corev1.Service, words string, optional bool) {
	if len(service.Spec.Selector) == 0 {
		if !optional {
			f.problem("%s without a selector", words)
		}
		return
	}
	programs, others, ok := f.selected(service)
	if !ok || optional && len(programs) == 0 {
		return
	}
	switch {
	case len(programs) == 0 && len(others) > 0:
		f.problem("%s of %s, which is not recognised as CoreDNS", words, others[0])
	case len(programs) == 0:
		f.problem("%s, which selects no Deployment and no DaemonSet", words)
	}
	for _, p := range programs {
		f.use(p, words+" of "+p.String())
	}
}

// selected returns the programs that a Service selects, and the names of other selected workloads.
// It returns false if the objects are not cached yet.
func (f *finder) selected(service *corev1.Service) (programs []program, others []string, ok bool) {
	deployments, err := f.objects.Deployments(service.Namespace)
	unknown := f.unknown(err)
	daemonSets, err := f.objects.DaemonSets()
	if f.unknown(err) || unknown {
		return nil, nil, false
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	consider := func(kind, namespace, name string, template corev1.PodTemplateSpec) {
		if namespace != service.Namespace || !selector.Matches(labels.Set(template.Labels)) {
			return
		}
		if p, ok := newProgram(kind, namespace, name, template); ok {
			programs = append(programs, p)
		} else {
			others = append(others, kind+" "+namespace+"/"+name)
		}
	}
	for _, d := range deployments {
		consider("Deployment", d.Namespace, d.Name, d.Spec.Template)
	}
	for _, d := range daemonSets {
		consider("DaemonSet", d.Namespace, d.Name, d.Spec.Template)
	}
	// The order must not depend on that of the cache.
	slices.SortFunc(programs, func(a, b program) int { return strings.Compare(a.String(), b.String()) })
	slices.Sort(others)
	return programs, others, true
}

// use adds a program that Pods query, and the servers behind it if it is a cache. words describe it
// in messages.
func (f *finder) use(p program, words string) {
	if f.visited[p.String()] {
		return
	}
	f.visited[p.String()] = true
	if f.programs++; f.programs > MaxServers {
		f.problem("Pods ask more than %d servers", MaxServers)
		return
	}
	server, err := p.server()
	if err != nil {
		f.problem("%s: %s", words, err)
		return
	}
	if f.visited[server.Corefile.String()] {
		return
	}
	f.visited[server.Corefile.String()] = true
	facts, ok := f.read(server)
	if !ok {
		return
	}
	switch {
	case !facts.exists:
		f.problem("%s: %s does not exist", words, server.Corefile)
	case facts.isTooLong:
		f.problem("%s: %s is longer than %d kB", words, server.Corefile, maxCorefile>>10)
	case facts.writer != "":
		f.problem("%s: %s is managed by %s, which would undo a change", words, server.Corefile, facts.writer)
	case facts.kubernetes:
		f.mains = append(f.mains, server)
	default:
		server.Cache = true
		f.caches = append(f.caches, server)
		f.follow(p, facts)
	}
}

// follow finds the CoreDNS behind a cache.
func (f *finder) follow(p program, facts facts) {
	if name, ok := p.upstream(); ok {
		service, err := f.objects.Service(name)
		if !f.unknown(err) && service != nil {
			f.behind(service, fmt.Sprintf("%s forwards to Service %s", p, name), true)
		}
	}
	for _, target := range facts.targets {
		if f.visited[target.String()] {
			continue
		}
		f.visited[target.String()] = true
		if f.targets++; f.targets > maxTargets {
			return
		}
		service, err := f.objects.ServiceOf(target)
		if !f.unknown(err) && service != nil {
			f.behind(service, fmt.Sprintf("%s forwards to Service %s/%s", p, service.Namespace, service.Name), true)
		}
	}
}
