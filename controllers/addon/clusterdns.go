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

package addon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

// lookAtClusterDNS looks for the DNS servers that Pods ask if lookups fail with those that are
// configured: the payload follows from them. The objects that decide it are watched only while
// lookups fail. The manager decides and not dns-config-patcher, because rights follow. The patcher
// only reports its nameservers.
func (r *Reconciler) lookAtClusterDNS(ctx context.Context, s *scope, reported map[string]string) error {
	installed, state := s.observed.Installed, s.observed.State
	memory := state.ClusterDNS.AddReported(reported, s.observed.Pinned)
	installed.ClusterDNS, installed.ClusterDNSProblem = memory, ""
	due, after := memory.IsDue(reported, time.Now())
	if !due {
		installed.ClusterDNSLook = after
		r.Workload.StopWatching(s.cluster)
		return nil
	}
	installed.ClusterDNSProblem = state.ClusterDNSProblem
	if !r.history(ctx, s).mayLook() {
		installed.ClusterDNSLook = time.Second / looksPerSecond
		return nil
	}
	found, err := r.findClusterDNS(ctx, s.cluster, clusterdns.Nameservers(reported))
	if isUnread(err) {
		return nil // Once the objects are listed, that wakes us.
	} else if err != nil {
		return err
	}
	installed.ClusterDNS, installed.ClusterDNSProblem = memory.AddFound(found.Servers, reported), found.Explain(s.observed.Pinned)
	return nil
}

// findClusterDNS looks for the servers behind the nameservers. isUnread returns true for the error
// if objects are not listed yet.
func (r *Reconciler) findClusterDNS(ctx context.Context, cluster *clusterv1.Cluster, nameservers []string) (clusterdns.Found, error) {
	reading, err := r.Workload.Begin(ctx, cluster)
	if err != nil {
		return clusterdns.Found{}, err
	}
	defer reading.End()
	found, err := clusterdns.Find(nameservers, remoteObjects{reading})
	if err != nil {
		return clusterdns.Found{}, fmt.Errorf("finding the DNS servers of Pods: %w", err)
	}
	ctrl.LoggerFrom(ctx).V(2).Info("Looked for the DNS servers of Pods", "nameservers", nameservers, "servers", len(found.Servers), "problem", found.Problem)
	return found, nil
}

// remoteObjects watches the requested objects, within the budget of the workload cluster.
type remoteObjects struct{ reading *workload.Reading }

func (o remoteObjects) ServiceOf(ip netip.Addr) (*corev1.Service, error) {
	demand := workload.Demand{Kind: workload.Services, ClusterIP: ip.String()}
	services, err := workload.List[*corev1.Service](o.reading, demand)
	if err != nil {
		return nil, err
	}
	if service := withClusterIP(services, ip); service != nil {
		return service, nil
	}
	// API servers select by the first ClusterIP alone, and the nameserver of a dual-stack cluster
	// may be the second one.
	services, err = workload.List[*corev1.Service](o.reading, workload.Demand{Kind: workload.Services, Namespace: corefile.Namespace})
	return withClusterIP(services, ip), err
}

func withClusterIP(services []*corev1.Service, ip netip.Addr) *corev1.Service {
	i := slices.IndexFunc(services, func(s *corev1.Service) bool {
		return slices.ContainsFunc(append([]string{s.Spec.ClusterIP}, s.Spec.ClusterIPs...), func(text string) bool {
			address, err := netip.ParseAddr(text)
			return err == nil && address.Unmap() == ip
		})
	})
	if i < 0 {
		return nil
	}
	return services[i]
}

func (o remoteObjects) Service(name types.NamespacedName) (*corev1.Service, error) {
	return workload.Get[*corev1.Service](o.reading, workload.Demand{Kind: workload.Services, Namespace: name.Namespace, Name: name.Name}, name)
}

func (o remoteObjects) Deployments(namespace string) ([]*appsv1.Deployment, error) {
	return workload.List[*appsv1.Deployment](o.reading, workload.Demand{Kind: workload.Deployments, Namespace: namespace})
}

func (o remoteObjects) DaemonSets() ([]*appsv1.DaemonSet, error) {
	return workload.List[*appsv1.DaemonSet](o.reading, workload.Demand{Kind: workload.DaemonSets})
}

func (o remoteObjects) ConfigMap(name types.NamespacedName) (*corev1.ConfigMap, error) {
	return workload.Get[*corev1.ConfigMap](o.reading, workload.Demand{Kind: workload.ConfigMaps, Namespace: name.Namespace, Name: name.Name}, name)
}
