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
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
)

// stateRoot has a folder for each rig. Its path is short, because the path of a socket below it has
// at most 107 bytes.
const stateRoot = "/var/lib/xcc"

// Rig is a set of clusters on one bridge. The clusters outlive the process that started them. Open
// finds them again, and Down ends them.
type Rig struct {
	// Name is the rig's name: lower case letters, digits and dashes, at most 11.
	Name string
	// Dir is the state folder: a folder with kubeconfig and logs for each cluster.
	Dir string

	network network
	log     *progress
	lock    io.Closer

	mu       sync.Mutex
	clusters []*Cluster

	buildMu sync.Mutex
	built   map[string]bool
}

// validName limits the name, because "xcc-" and the name are the name of a network interface with
// at most 15 bytes.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,9}[a-z0-9])?$`)

// New creates an empty rig. It first removes an earlier rig with the name. It fails if a running
// process still uses that rig. Progress is written to log.
func New(ctx context.Context, name string, log io.Writer) (*Rig, error) {
	if err := checkMachine(); err != nil {
		return nil, err
	}
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("a rig's name has 1 to 11 lower case letters, digits and dashes, not %q", name)
	}
	r := &Rig{Name: name, Dir: filepath.Join(stateRoot, name), log: newProgress(log)}
	if err := os.MkdirAll(stateRoot, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of all rigs: %w", err)
	}
	lock, err := lockFile(r.Dir + ".lock")
	if err != nil {
		return nil, fmt.Errorf("rig %s is held by another running process: %w", name, err)
	}
	r.lock = lock
	if err := r.prepare(ctx); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return r, nil
}

func (r *Rig) prepare(ctx context.Context) error {
	if err := removeRig(ctx, r.Name, r.Dir); err != nil {
		return fmt.Errorf("removing what an earlier run of rig %s left: %w", r.Name, err)
	}
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return fmt.Errorf("making the state folder: %w", err)
	}
	network, err := createNetwork(ctx, r.Name)
	if err != nil {
		return fmt.Errorf("making the network of rig %s: %w", r.Name, err)
	}
	r.network = network
	return nil
}

// Open returns a rig that another process started, or an error if there is none.
func Open(name string, log io.Writer) (*Rig, error) {
	r := &Rig{Name: name, Dir: filepath.Join(stateRoot, name), log: newProgress(log)}
	if _, err := os.Stat(r.Dir); err != nil {
		return nil, fmt.Errorf("there is no rig %s: %w", name, err)
	}
	network, err := findNetwork(name)
	if err != nil {
		return nil, fmt.Errorf("finding the network of rig %s: %w", name, err)
	}
	r.network = network
	r.clusters, err = readClusters(r)
	return r, err
}

// Down ends all clusters of the rig and removes its folder. It is idempotent.
func (r *Rig) Down(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := Down(ctx, r.Name); err != nil {
		return err
	}
	r.clusters = nil
	if r.lock == nil {
		return nil
	}
	lock := r.lock
	r.lock = nil
	return lock.Close()
}

// Down ends the rig with the name, even if another process started it. It does nothing if there is
// none.
func Down(ctx context.Context, name string) error {
	if err := checkMachine(); err != nil {
		return err
	}
	if err := removeRig(ctx, name, filepath.Join(stateRoot, name)); err != nil {
		return fmt.Errorf("taking rig %s down: %w", name, err)
	}
	return nil
}

// Clusters returns the clusters in the order of their start.
func (r *Rig) Clusters() []*Cluster {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.clusters)
}

// HostAddress returns the machine's own address on the bridge. Programs outside of the clusters
// listen on it to be reachable from the clusters.
func (r *Rig) HostAddress() string {
	return r.network.host()
}
