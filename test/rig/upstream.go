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
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig/upstream"
)

// upstreamFile returns the path of the records of the nodes' resolvers.
func (r *Rig) upstreamFile() string { return filepath.Join(r.Dir, "upstream.zone") }

// SetUpstream sets the records of the resolvers of all nodes, in presentation format such as
// "lb.example.com. CNAME lb-1.example.com.". CoreDNS and Pods with dnsPolicy Default query these
// resolvers. Other names are NXDOMAIN. The default TTL is two seconds.
func (r *Rig) SetUpstream(records ...string) error {
	text := strings.Join(records, "\n") + "\n"
	if _, err := upstream.Parse(text); err != nil {
		return fmt.Errorf("reading records for the nodes' resolvers: %w", err)
	}
	aside := r.upstreamFile() + ".new"
	if err := os.WriteFile(aside, []byte(text), 0o600); err != nil {
		return fmt.Errorf("setting what the nodes' resolvers answer: %w", err)
	}
	return os.Rename(aside, r.upstreamFile())
}

// startUpstream starts the node's resolver, see package upstream. It must not be on loopback,
// because CoreDNS's plugin loop would detect a loop.
func (n *Node) startUpstream(ctx context.Context) error {
	r := n.cluster.rig
	program, err := r.program(ctx, "upstream")
	if err != nil {
		return err
	}
	return n.namespaces.start(ctx, n.path("log", "upstream.log"), program, net.JoinHostPort(n.Address, "53"), r.upstreamFile())
}
