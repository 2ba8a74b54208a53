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

package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// All clusters have the same Pod and Service ranges.
const (
	podCIDR      = "10.244.0.0/16"
	podCIDR6     = "fd00:244::/48"
	serviceCIDR  = "10.96.0.0/12"
	serviceCIDR6 = "fd00:96::/112"
	clusterDNSIP = "10.96.0.10"
)

// Cluster is a running cluster. It has one node with the control plane, and those that AddNode
// started.
type Cluster struct {
	// Name is also the name of the first node.
	Name string
	// Address is the address of the first node on the bridge. Every cluster and this machine can
	// reach it.
	Address string
	// Dir is the folder of the cluster's state. Logs are in <Dir>/log.
	Dir string
	// KubeconfigPath is the administrator's kubeconfig. It also works in Pods of all clusters.
	KubeconfigPath string

	index int
	rig   *Rig

	mu     sync.Mutex
	nodes  []*Node
	images []string
}

var validClusterName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$`)

// record is the file in a cluster's folder that Open reads.
type record struct {
	Name  string
	Index int
}

// StartCluster starts a cluster and waits until its node is Ready and its CoreDNS answers. Clusters
// may be started concurrently.
func (r *Rig) StartCluster(ctx context.Context, name string) (*Cluster, error) {
	started := time.Now()
	c, err := r.reserve(name)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		return nil, fmt.Errorf("starting cluster %s (logs are in %s): %w", name, c.path("log"), err)
	}
	r.log.say("%s: ready after %.1fs, kubeconfig %s", name, time.Since(started).Seconds(), c.KubeconfigPath)
	return c, nil
}

// reserve assigns a number to the cluster and creates its folders.
func (r *Rig) reserve(name string) (*Cluster, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	index := len(r.clusters) + 1
	switch {
	case !validClusterName.MatchString(name):
		return nil, fmt.Errorf("a cluster's name has 1 to 20 lower case letters, digits and dashes, not %q", name)
	case slices.ContainsFunc(r.clusters, func(c *Cluster) bool { return c.Name == name }):
		return nil, fmt.Errorf("rig %s has a cluster %s already", r.Name, name)
	case index > maxClusters:
		return nil, fmt.Errorf("rig %s has %d clusters already, which is all its network holds", r.Name, maxClusters)
	}
	c := newCluster(r, record{Name: name, Index: index})
	for _, folder := range []string{"log", "pki", "etcd"} {
		if err := os.MkdirAll(c.path(folder), 0o755); err != nil {
			return nil, fmt.Errorf("making the folders of cluster %s: %w", name, err)
		}
	}
	content, err := json.Marshal(record{Name: name, Index: index})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.path("cluster.json"), content, 0o600); err != nil {
		return nil, fmt.Errorf("recording cluster %s: %w", name, err)
	}
	r.clusters = append(r.clusters, c)
	return c, nil
}

func newCluster(r *Rig, rec record) *Cluster {
	dir := filepath.Join(r.Dir, rec.Name)
	return &Cluster{
		Name:           rec.Name,
		Address:        r.network.node(rec.Index, 0),
		Dir:            dir,
		KubeconfigPath: filepath.Join(dir, "kubeconfig"),
		index:          rec.Index,
		rig:            r,
	}
}

// readClusters finds the clusters of a rig that another process started.
func readClusters(r *Rig) ([]*Cluster, error) {
	files, err := filepath.Glob(filepath.Join(r.Dir, "*", "cluster.json"))
	if err != nil {
		return nil, err
	}
	var clusters []*Cluster
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a cluster's record: %w", err)
		}
		var rec record
		if err := json.Unmarshal(content, &rec); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		c := newCluster(r, rec)
		if err := c.findNodes(); err != nil {
			return nil, err
		}
		clusters = append(clusters, c)
	}
	slices.SortFunc(clusters, func(a, b *Cluster) int { return a.index - b.index })
	return clusters, nil
}

// Cluster returns the cluster with the name.
func (r *Rig) Cluster(name string) (*Cluster, error) {
	for _, c := range r.Clusters() {
		if c.Name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("rig %s has no cluster %s", r.Name, name)
}

// start starts all components, the slow ones first.
func (c *Cluster) start(ctx context.Context) error {
	pause, err := BuildImage(ctx, "pause")
	if err != nil {
		return err
	}
	coreDNS, err := BuildImage(ctx, "coredns")
	if err != nil {
		return err
	}
	if err := c.writeIdentities(); err != nil {
		return err
	}
	n, err := c.startNode(ctx)
	if err != nil {
		return err
	}
	c.rig.log.say("%s: starting on %s and %s", c.Name, n.Address, n.Address6)
	if err := errors.Join(c.startEtcd(ctx), c.startAPIServer(ctx), n.startContainerd(ctx)); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.LoadImage(groupCtx, pause.Tarball, coreDNS.Tarball) })
	group.Go(func() error { return c.startClients(groupCtx, n) })
	if err := group.Wait(); err != nil {
		return err
	}
	if err := c.installCoreDNS(ctx, coreDNS.Reference); err != nil {
		return err
	}
	return c.waitReady(ctx)
}

// startClients starts the components that need the API server.
func (c *Cluster) startClients(ctx context.Context, n *Node) error {
	if err := c.waitAPIServer(ctx); err != nil {
		return err
	}
	c.rig.log.say("%s: the API server answers", c.Name)
	return errors.Join(c.startControllers(ctx), n.startKubelet(ctx), n.startKubeProxy(ctx), c.startCloud(ctx))
}

func (c *Cluster) waitReady(ctx context.Context) error {
	if err := c.firstNode().waitReady(ctx); err != nil {
		return err
	}
	_, err := c.Kubectl(ctx, "wait", "--for=condition=Available", "--timeout=120s", "--namespace=kube-system", "deployment/coredns")
	return err
}

// startComponent runs one of our programs on the first node.
func (c *Cluster) startComponent(ctx context.Context, name string, args ...string) error {
	return c.firstNode().startComponent(ctx, name, args...)
}

// RESTConfig returns the administrator's client configuration, without a rate limit.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", c.KubeconfigPath)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of cluster %s: %w", c.Name, err)
	}
	cfg.QPS = -1
	return cfg, nil
}

// path returns a path in the cluster's folder.
func (c *Cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.Dir}, elements...)...)
}

func (c *Cluster) server() string { return "https://" + net.JoinHostPort(c.Address, "6443") }
