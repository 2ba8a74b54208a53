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
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/clusterdns"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// clusterDNSAnnotation on a payload Secret is a clusterdns.State of the workload cluster.
const clusterDNSAnnotation = "connectivity.tanzu.vmware.com/cluster-dns"

// clusterDNS returns the State of the workload cluster.
func (s *scope) clusterDNS() clusterdns.State {
	if s.secret == nil {
		return clusterdns.State{}
	}
	return clusterdns.ParseState(s.secret.Annotations[clusterDNSAnnotation])
}

// pinned returns the Corefile that the Cluster's annotation names, nil if it names none.
func (s *scope) pinned() *corefile.File { return install.PinnedCorefile(s.cluster.Annotations) }

// reconcileClusterDNS looks for the servers that Pods ask if lookups fail with those that are configured, and remembers them: the payload
// follows from that. The objects that decide it are watched only while lookups fail. It returns when to look again, if time alone can
// change something.
//
// The manager decides and not dns-config-patcher, because rights follow. The patcher only reports its nameservers.
func (r *Reconciler) reconcileClusterDNS(ctx context.Context, s *scope, reader client.Reader) (time.Duration, error) {
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
	said, err := get(ctx, reader, name, &corev1.ConfigMap{})
	if err != nil || said == nil {
		return 0, err // When the patcher reports, that wakes us.
	}
	memory := s.clusterDNS().AddReported(said.Data, s.pinned())
	problem := ""
	due, after := memory.IsDue(said.Data, time.Now())
	if due {
		memory, problem, after, err = r.learnClusterDNS(ctx, s, memory, said.Data)
	} else {
		r.Workload.StopWatching(s.cluster)
	}
	if err != nil {
		return 0, err
	}
	return after, r.changeSecretPaced(ctx, s, func(secret *corev1.Secret) error {
		setOrDelete(secret, clusterDNSAnnotation, memory.String())
		setOrDelete(secret, xccv1.ClusterDNSProblemAnnotation, fit.Message(problem))
		return nil
	})
}

// learnClusterDNS returns the memory with the servers that were found, the problem with them, and when to look again. If objects are not
// listed yet, memory and problem stay as they were, and the controller is woken later.
func (r *Reconciler) learnClusterDNS(
	ctx context.Context, s *scope, memory clusterdns.State, reported map[string]string,
) (clusterdns.State, string, time.Duration, error) {
	former := s.secret.Annotations[xccv1.ClusterDNSProblemAnnotation]
	if !r.memory.known(s.key(), s.secret.Annotations[xccv1.PayloadAnnotation]).looks.TryAccept() {
		return memory, former, time.Second / looksPerSecond, nil
	}
	found, err := r.findClusterDNS(ctx, s, clusterdns.Nameservers(reported))
	if errors.Is(err, workload.ErrNotSynced) {
		return memory, former, 0, nil
	} else if err != nil {
		return memory, former, 0, err
	}
	return memory.AddFound(found.Servers, reported), found.Explain(s.pinned()), 0, nil
}

// findClusterDNS looks for the servers behind the nameservers. The error is workload.ErrNotSynced if objects are not listed yet.
func (r *Reconciler) findClusterDNS(ctx context.Context, s *scope, nameservers []string) (clusterdns.Found, error) {
	reading, err := r.Workload.Begin(ctx, s.cluster)
	if err != nil {
		if isUnread(err) {
			return clusterdns.Found{}, workload.ErrNotSynced
		}
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

// remoteObjects watches the objects that are asked for, within the budget of the workload cluster.
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
	// API servers select by the first ClusterIP alone, and the nameserver of a dual-stack cluster may be the second one.
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
