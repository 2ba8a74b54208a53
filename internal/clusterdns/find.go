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
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

const (
	annotation = xccv1.DNSCorefileAnnotation

	// maxNameservers is the number of nameservers that a stub resolver queries (resolv.conf(5),
	// MAXNS).
	maxNameservers = 3
	// MaxServers limits the configured servers of one cluster. Usually, these are one CoreDNS and a
	// cache.
	MaxServers = 8
	// maxTargets limits the addresses of forward plugins that are looked up. A cache forwards to
	// one or two Services, but a Corefile may list hundreds of resolvers.
	maxTargets = 8
	// maxCandidates limits the DaemonSets on the host network whose Corefiles are read.
	maxCandidates = 8
	// maxCorefile limits the size of one file, and maxText that of all files, in bytes. A parsed
	// word of one byte uses 50 bytes of memory. Most Corefiles have a few kB.
	maxCorefile, maxText = 256 << 10, 512 << 10
	// maxConfigMaps limits the ConfigMaps that are read. It allows two per server.
	maxConfigMaps = 2 * MaxServers
	// maxProblem limits the length of a reported problem, in bytes, and maxProblems their number.
	maxProblem, maxProblems = 300, 3
)

// Objects reads a workload cluster. The methods return nil for an object that does not exist. They
// return an error if the objects are not cached yet. Find continues after an error, so that the
// caches of all needed kinds are started at once.
type Objects interface {
	// ServiceOf returns the Service with a ClusterIP.
	ServiceOf(ip netip.Addr) (*corev1.Service, error)
	Service(name types.NamespacedName) (*corev1.Service, error)
	Deployments(namespace string) ([]*appsv1.Deployment, error)
	// DaemonSets returns those of all namespaces.
	DaemonSets() ([]*appsv1.DaemonSet, error)
	ConfigMap(name types.NamespacedName) (*corev1.ConfigMap, error)
}

// Found is the result of Find.
type Found struct {
	// Servers are the servers with a known Corefile, each with all mounts of its container. Caches
	// come last.
	Servers []corefile.Server
	// Problem says which servers cannot be configured and what to do. It is empty if all can be.
	Problem string
}

// Find returns the servers that Pods with these nameservers query. If Objects return errors, it
// returns them joined, and Found is empty.
func Find(nameservers []string, objects Objects) (Found, error) {
	f := finder{objects: objects, visited: map[string]bool{}, configMaps: map[types.NamespacedName]bool{}}
	if len(nameservers) == 0 {
		f.problem("dns-config-patcher has not reported the nameservers of its Pod")
	}
	for _, nameserver := range nameservers[:min(len(nameservers), maxNameservers)] {
		f.nameserver(nameserver)
	}
	if len(f.errs) > 0 {
		return Found{}, errors.Join(f.errs...)
	}
	return f.found(), nil
}

// finder is the state of one call of Find.
type finder struct {
	objects  Objects
	mains    []corefile.Server
	caches   []corefile.Server
	problems []string
	errs     []error
	// visited are the programs and Corefiles that were read, and the addresses that were looked up
	// behind caches.
	visited map[string]bool
	// targets, programs, text and configMaps count towards the limits above.
	targets, programs, text int
	configMaps              map[types.NamespacedName]bool
}

func (f *finder) problem(format string, args ...any) {
	sentence := text.Line(fmt.Sprintf(format, args...), maxProblem)
	if !slices.Contains(f.problems, sentence) && len(f.problems) < maxProblems {
		f.problems = append(f.problems, sentence)
	}
}

// unknown collects an error, and returns whether there is one.
func (f *finder) unknown(err error) bool {
	if err != nil {
		f.errs = append(f.errs, err)
	}
	return err != nil
}

func (f *finder) found() Found {
	if len(f.mains) == 0 {
		// A cache is configured only with a CoreDNS behind it. If there is none, it counts as the
		// main server.
		for i := range f.caches {
			f.caches[i].Cache = false
		}
	}
	servers := slices.Concat(f.mains, f.caches)
	if len(f.problems) == 0 {
		return Found{Servers: servers}
	}
	advice := "annotate the Cluster with " + annotation + "=<namespace>/<configmap>/<key> to specify the Corefile"
	return Found{Servers: servers, Problem: strings.Join(append(f.problems, advice), "; ")}
}
