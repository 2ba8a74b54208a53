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

package walkthrough

import (
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

const (
	// Version is the release that the walkthrough builds and installs.
	Version = "v0.1.0"
	// Namespace holds the Clusters and the GatewayDNS.
	Namespace = "dev-team"
	// Hostname is the name of the application in cluster-a.
	Hostname = "kuard.gateway.cluster-a.dev-team.clusters.xcc.test"
	// CloudHostname and NodesHostname are its names at the other gateways.
	CloudHostname = "kuard.cloud.cluster-a.dev-team.clusters.xcc.test"
	NodesHostname = "kuard.nodes.cluster-a.dev-team.clusters.xcc.test"
	// SharedHostname is its name in whichever of the clusters works.
	SharedHostname = "kuard.shop.dev-team.gateways.xcc.test"
	// Page is the text of the application's page, and PageOfB is that of its copy in cluster-b.
	Page    = "Hello from kuard in cluster-a"
	PageOfB = "Hello from kuard in cluster-b"
)

// manifests name the rig's images by placeholders such as CADDY_IMAGE.
//
//go:embed manifests/*.yaml
var manifests embed.FS

// Walkthrough is a rig with a management cluster and two workload clusters.
type Walkthrough struct {
	Rig        *rig.Rig
	Management *rig.Management
	A, B       *rig.Cluster
	// Shell has $MGMT, $A and $B as the clusters' kubeconfigs and $CLUSTERCTL_CONFIG as clusterctl's configuration.
	Shell *Shell
	// Folder holds the files that the commands use.
	Folder string
	// Labelled is the time at which the Clusters were labelled.
	Labelled time.Time

	root       string
	management *rig.Cluster
	images     *strings.Replacer
	out        io.Writer
}

// Start sets up a user's prerequisites: the three clusters, Cluster API on the first with the Clusters cluster-a and
// cluster-b, and a released xcc in a local repository. root is the repository's folder.
func Start(ctx context.Context, name, root string, out io.Writer) (*Walkthrough, error) {
	w := &Walkthrough{root: root, out: out}
	if err := w.build(ctx, Version); err != nil {
		return nil, err
	}
	w.title("Starting three Kubernetes clusters with the same Pod and Service addresses")
	if err := rig.InstallPackages(ctx, out); err != nil {
		return nil, err
	}
	var err error
	if w.Rig, err = rig.New(ctx, name, out); err != nil {
		return nil, err
	}
	if err := w.startClusters(ctx); err != nil {
		return w, err
	}
	w.title("Installing Cluster API, and a Cluster for each workload cluster")
	if err := w.installClusterAPI(ctx); err != nil {
		return w, err
	}
	return w, w.prepareShell(ctx)
}

// Open returns a running walkthrough. root is the repository's folder.
func Open(name, root string, out io.Writer) (*Walkthrough, error) {
	w := &Walkthrough{root: root, out: out}
	var err error
	if w.Rig, err = rig.Open(name, out); err != nil {
		return nil, err
	}
	for name, cluster := range w.clusters() {
		if *cluster, err = w.Rig.Cluster(name); err != nil {
			return nil, err
		}
	}
	w.Management = w.management.Management()
	w.Folder = w.folder()
	w.Shell = w.newShell()
	return w, nil
}

// clusters returns the walkthrough's clusters by name.
func (w *Walkthrough) clusters() map[string]**rig.Cluster {
	return map[string]**rig.Cluster{"management": &w.management, "cluster-a": &w.A, "cluster-b": &w.B}
}

// build builds a version of xcc.
func (w *Walkthrough) build(ctx context.Context, version string) error {
	w.title("Building the release: make images components VERSION=%s", version)
	return run(ctx, w.root, w.out, "make", "--no-print-directory", "images", "components", "VERSION="+version)
}

// Repository is clusterctl's local repository of xcc. It has the released versions only.
func (w *Walkthrough) Repository() string {
	return filepath.Join(w.Rig.Dir, "addon-xcc")
}

// publish copies a built version to the repository, and loads its images into the clusters.
func (w *Walkthrough) publish(ctx context.Context, version string) error {
	built := filepath.Join(w.root, "out", "addon-xcc", version)
	released := filepath.Join(w.Repository(), version)
	if err := os.RemoveAll(released); err != nil {
		return err
	}
	if err := os.CopyFS(released, os.DirFS(built)); err != nil {
		return fmt.Errorf("copying %s: %w", built, err)
	}
	images := filepath.Join(w.root, "out", "images")
	if err := w.management.LoadImage(ctx, filepath.Join(images, "xcc-controller-manager.tar")); err != nil {
		return err
	}
	for _, cluster := range []*rig.Cluster{w.A, w.B} {
		if err := cluster.LoadImage(ctx, filepath.Join(images, "xcc-dns.tar")); err != nil {
			return err
		}
	}
	return nil
}

// Release builds another version of xcc and adds it to clusterctl's repository.
func (w *Walkthrough) Release(ctx context.Context, version string) error {
	if err := w.build(ctx, version); err != nil {
		return err
	}
	return w.publish(ctx, version)
}

func (w *Walkthrough) startClusters(ctx context.Context) error {
	started := time.Now()
	group, groupCtx := errgroup.WithContext(ctx)
	for name, cluster := range w.clusters() {
		group.Go(func() (err error) {
			*cluster, err = w.Rig.StartCluster(groupCtx, name)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Fprintf(w.out, "Three clusters are ready after %.0f s\n", time.Since(started).Seconds())
	if err := w.publish(ctx, Version); err != nil {
		return err
	}
	return w.loadImages(ctx)
}

// loadImages loads the images of applications and clients.
func (w *Walkthrough) loadImages(ctx context.Context) error {
	var tarballs, replacements []string
	for _, name := range []string{"caddy", "client-glibc", "client-musl", "client-go"} {
		image, err := rig.BuildImage(ctx, name)
		if err != nil {
			return err
		}
		tarballs = append(tarballs, image.Tarball)
		placeholder := strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_IMAGE"
		replacements = append(replacements, placeholder, image.Reference)
	}
	w.images = strings.NewReplacer(replacements...)
	for _, cluster := range []*rig.Cluster{w.A, w.B} {
		if err := cluster.LoadImage(ctx, tarballs...); err != nil {
			return err
		}
	}
	return nil
}

func (w *Walkthrough) installClusterAPI(ctx context.Context) error {
	var err error
	if w.Management, err = w.management.InstallClusterAPI(ctx, w.Repository()); err != nil {
		return err
	}
	for _, cluster := range []*rig.Cluster{w.A, w.B} {
		if err := w.Management.AddCluster(ctx, Namespace, cluster.Name, cluster); err != nil {
			return err
		}
	}
	return nil
}

// prepareShell writes the files that the commands use.
func (w *Walkthrough) prepareShell(ctx context.Context) error {
	w.Folder = w.folder()
	if err := os.MkdirAll(filepath.Join(w.Folder, "bin"), 0o755); err != nil {
		return err
	}
	for _, name := range []string{
		"application.yaml", "clients.yaml", "gatewaydns.yaml", "other-gateways.yaml", "other-gatewaydns.yaml", "shared-gatewaydns.yaml",
	} {
		content, err := manifests.ReadFile("manifests/" + name)
		if err != nil {
			return err
		}
		text := w.images.Replace(string(content))
		if err := os.WriteFile(filepath.Join(w.Folder, name), []byte(text), 0o600); err != nil {
			return err
		}
		if name == "application.yaml" {
			text = strings.ReplaceAll(text, "cluster-a", "cluster-b")
			if err := os.WriteFile(filepath.Join(w.Folder, "application-b.yaml"), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	exports := "export PATH=" + filepath.Join(w.Folder, "bin") + ":$PATH\nexport " + strings.Join(w.variables(), "\nexport ") + "\n"
	if err := os.WriteFile(w.EnvironmentFile(), []byte(exports), 0o600); err != nil {
		return err
	}
	for _, program := range []string{"kubectl", "clusterctl"} {
		path, err := components.Path(ctx, program)
		if err != nil {
			return err
		}
		if err := os.Symlink(path, filepath.Join(w.Folder, "bin", program)); err != nil {
			return err
		}
	}
	w.Shell = w.newShell()
	return nil
}

func (w *Walkthrough) folder() string { return filepath.Join(w.Rig.Dir, "walkthrough") }

func (w *Walkthrough) newShell() *Shell {
	return NewShell(w.out, append(w.variables(), "PATH="+filepath.Join(w.Folder, "bin")+":"+os.Getenv("PATH"))...)
}

// EnvironmentFile is a file that a shell sources to run the commands of the walkthrough.
func (w *Walkthrough) EnvironmentFile() string {
	return filepath.Join(w.Folder, "env")
}

// variables are the environment variables that the commands use.
func (w *Walkthrough) variables() []string {
	return []string{
		"MGMT=" + w.Management.KubeconfigPath, "A=" + w.A.KubeconfigPath, "B=" + w.B.KubeconfigPath,
		"CLUSTERCTL_CONFIG=" + w.Management.ConfigPath,
		"W=" + w.Folder,
	}
}

func (w *Walkthrough) title(format string, args ...any) {
	fmt.Fprintf(w.out, "\n=== "+format+"\n", args...)
}

func run(ctx context.Context, folder string, out io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, out, out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}
