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
	_ "embed" // Manifests.
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
)

//go:embed manifests/cert-manager-crds.yaml
var certManagerCRDs string

//go:embed manifests/control-plane-crd.yaml
var controlPlaneCRD string

// Management is a cluster that runs Cluster API.
type Management struct {
	*Cluster
	// ConfigPath is a clusterctl configuration with Cluster API's core provider. If
	// InstallClusterAPI was given a repository, it also has the add-on provider xcc.
	ConfigPath string
}

// InstallClusterAPI runs `clusterctl init` with only the core provider. addonRepository is the
// folder addon-xcc of `make release`, with a folder for each version, or empty. With it,
// `clusterctl init --addon xcc` installs the latest version.
func (c *Cluster) InstallClusterAPI(ctx context.Context, addonRepository string) (*Management, error) {
	m := c.Management()
	if err := m.install(ctx, addonRepository); err != nil {
		return nil, fmt.Errorf("installing Cluster API in cluster %s: %w", c.Name, err)
	}
	c.rig.log.say("%s: Cluster API runs, clusterctl configuration %s", c.Name, m.ConfigPath)
	return m, nil
}

// Management returns the cluster as a management cluster. InstallClusterAPI must have been called,
// by this or another process.
func (c *Cluster) Management() *Management {
	return &Management{Cluster: c, ConfigPath: c.path("clusterctl.yaml")}
}

func (m *Management) install(ctx context.Context, addonRepository string) error {
	manager, err := BuildImage(ctx, "cluster-api-manager")
	if err != nil {
		return err
	}
	if err := m.LoadImage(ctx, manager.Tarball); err != nil {
		return err
	}
	version, err := components.Version("clusterctl")
	if err != nil {
		return err
	}
	core, err := m.writeCoreRepository(ctx, version, manager.Reference)
	if err != nil {
		return err
	}
	if err := m.writeConfig(core, addonRepository); err != nil {
		return err
	}
	if err := m.Apply(ctx, certManagerCRDs); err != nil {
		return fmt.Errorf("creating cert-manager's kinds: %w", err)
	}
	_, err = m.Clusterctl(ctx, "init", "--core=cluster-api:"+version, "--bootstrap=-", "--control-plane=-")
	if err != nil {
		return err
	}
	if err := m.issueCertificates(ctx); err != nil {
		return err
	}
	if err := m.Apply(ctx, controlPlaneCRD); err != nil {
		return fmt.Errorf("creating the kind of control planes: %w", err)
	}
	_, err = m.Kubectl(ctx, "wait", "--for=condition=Available", "--timeout=120s",
		"--namespace=capi-system", "deployment/capi-controller-manager")
	if err != nil {
		return err
	}
	// clusterctl tests cert-manager in a namespace and does not wait for its deletion. Another
	// "init" would hang meanwhile.
	_, err = m.Kubectl(ctx, "wait", "--for=delete", "--timeout=60s", "namespace/cert-manager-test")
	if err != nil {
		return err
	}
	return m.waitWebhooks(ctx)
}

// waitWebhooks waits until the webhooks admit Clusters. kube-proxy routes to the webhooks' Pod only
// after its Deployment is Available.
func (m *Management) waitWebhooks(ctx context.Context) error {
	var last error
	err := poll(ctx, "Cluster API's webhooks answer", func() bool {
		_, last = m.kubectl(ctx, strings.NewReader(webhookProbe), "create", "--dry-run=server", "--filename=-")
		return last == nil
	})
	return errors.Join(err, last)
}

// webhookProbe is a Cluster for a dry run.
const webhookProbe = `
apiVersion: cluster.x-k8s.io/v1beta2
kind: Cluster
metadata: {namespace: default, name: probe}
spec:
  controlPlaneRef: {apiGroup: rig.xcc.test, kind: ExistingControlPlane, name: probe}
`

// Clusterctl runs clusterctl for the management cluster and returns its standard output.
func (m *Management) Clusterctl(ctx context.Context, args ...string) (string, error) {
	path, err := components.Path(ctx, "clusterctl")
	if err != nil {
		return "", fmt.Errorf("getting clusterctl: %w", err)
	}
	return run(ctx, path, append(args, "--config="+m.ConfigPath, "--kubeconfig="+m.KubeconfigPath)...)
}

// writeCoreRepository creates a local repository of Cluster API's core provider from the manifests
// of its module. It returns the components file.
func (m *Management) writeCoreRepository(ctx context.Context, version, image string) (string, error) {
	source, err := components.SourceDir(ctx, "clusterctl")
	if err != nil {
		return "", err
	}
	config, err := components.ClusterAPIConfig(ctx)
	if err != nil {
		return "", err
	}
	// The "kubectl kustomize" of an old kubectl does not support these patches.
	built, err := kustomize.Build(ctx, filepath.Join(config, "default"))
	if err != nil {
		return "", err
	}
	manifests := string(built)
	const published = "image: gcr.io/k8s-staging-cluster-api/cluster-api-controller:main"
	if strings.Count(manifests, published) != 1 {
		return "", fmt.Errorf("the manifests of Cluster API do not hold %q once", published)
	}
	manifests = strings.NewReplacer(
		published, "image: "+image,
		"imagePullPolicy: Always", "imagePullPolicy: IfNotPresent",
	).Replace(manifests)
	metadata, err := os.ReadFile(filepath.Join(source, "metadata.yaml"))
	if err != nil {
		return "", fmt.Errorf("reading Cluster API's metadata: %w", err)
	}
	folder := m.path("repository", "cluster-api", version)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("making the repository: %w", err)
	}
	components := filepath.Join(folder, "core-components.yaml")
	if err := os.WriteFile(components, []byte(manifests), 0o600); err != nil {
		return "", fmt.Errorf("writing the components of Cluster API: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "metadata.yaml"), metadata, 0o600); err != nil {
		return "", fmt.Errorf("writing the metadata of Cluster API: %w", err)
	}
	return components, nil
}

// writeConfig writes clusterctl's configuration. All its repositories are local.
func (m *Management) writeConfig(core, addonRepository string) error {
	providers := []map[string]string{{"name": "cluster-api", "type": "CoreProvider", "url": core}}
	if addonRepository != "" {
		folder, err := filepath.Abs(addonRepository)
		if err != nil {
			return err
		}
		providers = append(providers, map[string]string{
			"name": "xcc", "type": "AddonProvider", "url": filepath.Join(folder, "latest", "addon-components.yaml"),
		})
	}
	content, err := yaml.Marshal(map[string]any{
		"providers":                       providers,
		"cert-manager":                    map[string]string{"externallyProvisioned": "true"},
		"CLUSTERCTL_DISABLE_VERSIONCHECK": "true",
	})
	if err != nil {
		return fmt.Errorf("encoding clusterctl's configuration: %w", err)
	}
	if err := os.WriteFile(m.ConfigPath, content, 0o600); err != nil {
		return fmt.Errorf("writing clusterctl's configuration: %w", err)
	}
	return nil
}
