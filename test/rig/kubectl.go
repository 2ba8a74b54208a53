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
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// Kubectl runs kubectl as the cluster's administrator and returns its standard output.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.kubectl(ctx, nil, args...)
}

// Apply creates or updates the objects of a manifest in YAML.
func (c *Cluster) Apply(ctx context.Context, manifest string) error {
	_, err := c.kubectl(ctx, strings.NewReader(manifest), "apply", "--server-side", "--force-conflicts", "--filename=-")
	return err
}

// Exec runs a command in the first container of a Pod and returns its standard output. An error
// contains the standard error.
func (c *Cluster) Exec(ctx context.Context, namespace, pod string, command ...string) (string, error) {
	return c.Kubectl(ctx, append([]string{"exec", "--namespace=" + namespace, pod, "--"}, command...)...)
}

// LoadImage loads the images of tarballs, in the format of `docker save`, into every node. Nodes
// that are added later get them, too.
func (c *Cluster) LoadImage(ctx context.Context, tarballs ...string) error {
	for _, n := range c.Nodes() {
		if err := n.loadImages(ctx, tarballs...); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.images = append(c.images, tarballs...)
	return nil
}

// loadedImages returns the tarballs that LoadImage loaded.
func (c *Cluster) loadedImages() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.images)
}

func (n *Node) loadImages(ctx context.Context, tarballs ...string) error {
	for _, tarball := range tarballs {
		if _, err := n.ctr(ctx, "images", "import", tarball); err != nil {
			return fmt.Errorf("loading %s into node %s: %w", tarball, n.Name, err)
		}
	}
	return nil
}

func (c *Cluster) kubectl(ctx context.Context, input io.Reader, args ...string) (string, error) {
	path, err := components.Path(ctx, "kubectl")
	if err != nil {
		return "", fmt.Errorf("getting kubectl: %w", err)
	}
	return runWithInput(ctx, input, path, append([]string{"--kubeconfig=" + c.KubeconfigPath}, args...)...)
}

// OnNode returns a command that runs in the first node's namespaces, as with ssh. The caller starts
// it.
func (c *Cluster) OnNode(ctx context.Context, command ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", c.firstNode().namespaces.enter(command...)...)
}
