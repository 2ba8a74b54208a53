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
	_ "embed" // The manifest.
	"fmt"
	"strings"
)

//go:embed manifests/coredns.yaml
var coreDNSManifest string

// installCoreDNS creates the objects; the caller waits for the Pods.
func (c *Cluster) installCoreDNS(ctx context.Context, image string) error {
	if err := c.Apply(ctx, strings.ReplaceAll(coreDNSManifest, "image: IMAGE", "image: "+image)); err != nil {
		return fmt.Errorf("installing CoreDNS: %w", err)
	}
	return nil
}
