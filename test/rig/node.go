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
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// Node is a machine of a cluster.
type Node struct {
	// Name is the cluster's name for the first node, and <cluster>.<number> for others.
	Name string
	// Address and Address6 are the addresses on the bridge. Every cluster and this machine can
	// reach them.
	Address  string
	Address6 string
	// Dir is the folder of the node's state. Logs are in <Dir>/log.
	Dir string

	cluster    *Cluster
	number     int
	namespaces namespaces
}

// nodeRecord is the file in a node's folder that Open reads.
type nodeRecord struct {
	Cluster string
	Number  int
}

// AddNode starts another node with all images that LoadImage has loaded, and waits until it is
// Ready. The load balancers stay on the first node.
func (c *Cluster) AddNode(ctx context.Context) (*Node, error) {
	n, err := c.startNode(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting another node of cluster %s: %w", c.Name, err)
	}
	if err := n.join(ctx); err != nil {
		return nil, fmt.Errorf("starting node %s (logs are in %s): %w", n.Name, n.path("log"), err)
	}
	c.rig.log.say("%s: node %s is ready on %s and %s", c.Name, n.Name, n.Address, n.Address6)
	return n, nil
}

// Nodes returns the cluster's nodes in the order of their start.
func (c *Cluster) Nodes() []*Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

func (c *Cluster) firstNode() *Node { return c.Nodes()[0] }

// startNode creates the folders and namespaces of the next node and connects it to the bridge.
func (c *Cluster) startNode(ctx context.Context) (*Node, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.nodes) == maxNodes {
		return nil, fmt.Errorf("it has %d nodes already, which is all its network holds", maxNodes)
	}
	n := newNode(c, len(c.nodes))
	for _, folder := range []string{"log", "containerd", "cni"} {
		if err := os.MkdirAll(n.path(folder), 0o755); err != nil {
			return nil, fmt.Errorf("making the folders of node %s: %w", n.Name, err)
		}
	}
	if err := writeJSON(n.path("node.json"), nodeRecord{Cluster: c.Name, Number: n.number}); err != nil {
		return nil, err
	}
	var err error
	if n.namespaces, err = startNamespaces(ctx, c.rig.Dir, n.Dir); err != nil {
		return nil, err
	}
	if err := c.rig.network.connect(ctx, c.index, n.number, n.namespaces.pid); err != nil {
		return nil, fmt.Errorf("connecting node %s to the bridge: %w", n.Name, err)
	}
	c.nodes = append(c.nodes, n)
	return n, nil
}

func newNode(c *Cluster, number int) *Node {
	name := c.Name
	if number > 0 {
		name += "." + strconv.Itoa(number+1)
	}
	return &Node{
		Name:     name,
		Address:  c.rig.network.node(c.index, number),
		Address6: c.rig.network.node6(c.index, number),
		Dir:      filepath.Join(c.rig.Dir, name),
		cluster:  c,
		number:   number,
	}
}

// findNodes finds the nodes of a cluster that another process started.
func (c *Cluster) findNodes() error {
	files, err := filepath.Glob(filepath.Join(c.rig.Dir, "*", "node.json"))
	if err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading a node's record: %w", err)
		}
		var rec nodeRecord
		if err := json.Unmarshal(content, &rec); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		if rec.Cluster != c.Name {
			continue
		}
		n := newNode(c, rec.Number)
		if n.namespaces, err = findNamespaces(c.rig.Dir, n.Dir); err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	slices.SortFunc(c.nodes, func(a, b *Node) int { return a.number - b.number })
	return nil
}

// join starts the components of a node and waits until it registers.
func (n *Node) join(ctx context.Context) error {
	c := n.cluster
	if err := c.writeNodeIdentity(n); err != nil {
		return err
	}
	if err := n.startContainerd(ctx); err != nil {
		return err
	}
	for _, other := range c.Nodes() {
		if other == n {
			continue
		}
		if err := errors.Join(n.addRoute(ctx, other), other.addRoute(ctx, n)); err != nil {
			return err
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return n.loadImages(groupCtx, c.loadedImages()...) })
	group.Go(func() error { return errors.Join(n.startKubelet(groupCtx), n.startKubeProxy(groupCtx)) })
	if err := group.Wait(); err != nil {
		return err
	}
	return n.waitReady(ctx)
}

func (n *Node) waitReady(ctx context.Context) error {
	// Not "kubectl wait --for=create", which kubectl knows since v1.31.
	err := poll(ctx, "node "+n.Name+" registers", func() bool {
		_, err := n.cluster.Kubectl(ctx, "get", "node", n.Name)
		return err == nil
	})
	if err != nil {
		return err
	}
	_, err = n.cluster.Kubectl(ctx, "wait", "--for=condition=Ready", "--timeout=60s", "node/"+n.Name)
	return err
}

// addRoute adds a route to the Pods of another node.
func (n *Node) addRoute(ctx context.Context, other *Node) error {
	batch := fmt.Sprintf("route add %s via %s\nroute add %s via %s\n",
		other.podCIDR(), other.Address, other.podCIDR6(), other.Address6)
	_, err := runWithInput(ctx, strings.NewReader(batch), "nsenter", n.namespaces.enter("ip", "-batch", "-")...)
	return err
}

func (n *Node) podCIDR() string  { return fmt.Sprintf("10.244.%d.0/24", n.number) }
func (n *Node) podCIDR6() string { return fmt.Sprintf("fd00:244:0:%d::/64", n.number) }

// startComponent runs one of our programs on the node.
func (n *Node) startComponent(ctx context.Context, name string, args ...string) error {
	path, err := components.Path(ctx, name)
	if err != nil {
		return fmt.Errorf("getting %s: %w", name, err)
	}
	return n.namespaces.start(ctx, n.path("log", name+".log"), append([]string{path}, args...)...)
}

// path returns a path in the node's folder.
func (n *Node) path(elements ...string) string {
	return filepath.Join(append([]string{n.Dir}, elements...)...)
}
