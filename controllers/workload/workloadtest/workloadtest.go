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

// Package workloadtest stands in for the management cluster and for clustercache in tests of packages that read workload
// clusters.
package workloadtest

import (
	"context"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/gate"
)

// Management is a management cluster that holds Clusters and nothing else. Its zero value holds none. It is safe for concurrent
// use.
type Management struct {
	// Client panics for everything but Get and List.
	client.Client

	mu       sync.Mutex
	clusters map[client.ObjectKey]*clusterv1.Cluster
}

// Put adds Clusters, or replaces those of the same names.
func (m *Management) Put(clusters ...*clusterv1.Cluster) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.clusters == nil {
		m.clusters = map[client.ObjectKey]*clusterv1.Cluster{}
	}
	for _, cluster := range clusters {
		m.clusters[client.ObjectKeyFromObject(cluster)] = cluster.DeepCopy()
	}
}

// Remove deletes Clusters.
func (m *Management) Remove(clusters ...*clusterv1.Cluster) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, cluster := range clusters {
		delete(m.clusters, client.ObjectKeyFromObject(cluster))
	}
}

// Get implements client.Reader.
func (m *Management) Get(_ context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if into, ok := object.(*clusterv1.Cluster); ok && m.clusters[key] != nil {
		m.clusters[key].DeepCopyInto(into)
		return nil
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.String())
}

// List implements client.Reader. It lists the Clusters of a namespace.
func (m *Management) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	into, ok := list.(*clusterv1.ClusterList)
	if !ok {
		return nil
	}
	var of client.ListOptions
	of.ApplyOptions(options)
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, cluster := range m.clusters {
		if key.Namespace == of.Namespace {
			into.Items = append(into.Items, *cluster.DeepCopy())
		}
	}
	return nil
}

// Connector tells how to reach workload clusters. The error is clustercache.ErrClusterNotConnected for one that is not connected.
type Connector interface {
	GetRESTConfig(ctx context.Context, cluster client.ObjectKey) (*rest.Config, error)
}

// New returns the workload clusters of a management cluster, which are connected as the connector says.
func New(t testing.TB, management client.Reader, connector Connector, limits workload.Limits) *workload.Clusters {
	t.Helper()
	through, err := gate.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	clusters := workload.New(management, workload.NewKubeconfigs(management, through, nil), "", limits)
	clusters.SetClusterCache(cache{Connector: connector, tried: time.Unix(1, 0)})
	return clusters
}

// Connected is New with Clusters that exist, and that clustercache has connected. There is no API server of the management
// cluster.
func Connected(t testing.TB, connector Connector, limits workload.Limits, existing ...*clusterv1.Cluster) *workload.Clusters {
	t.Helper()
	management := &Management{}
	management.Put(existing...)
	clusters := New(t, management, connector, limits)
	Admit(clusters, existing...)
	return clusters
}

// Admit makes the connections to Clusters their own. Those that are there already may be a former Cluster's.
func Admit(clusters *workload.Clusters, existing ...*clusterv1.Cluster) {
	for _, cluster := range existing {
		if !clusters.Admit(cluster) {
			clusters.Admit(cluster)
		}
	}
}

// NeverTried is a clustercache that has not tried to connect to any cluster.
func NeverTried(connector Connector) workload.ClusterCache { return cache{Connector: connector} }

// cache is a clustercache that has probed each cluster at one time, without success.
type cache struct {
	Connector
	tried time.Time
}

func (c cache) GetHealthCheckingState(context.Context, client.ObjectKey) clustercache.HealthCheckingState {
	return clustercache.HealthCheckingState{LastProbeTime: c.tried}
}

func (cache) GetClusterSource(string, func(context.Context, client.Object) []reconcile.Request, ...clustercache.GetClusterSourceOption) source.Source {
	return source.Func(func(context.Context, workqueue.TypedRateLimitingInterface[reconcile.Request]) error { return nil })
}
