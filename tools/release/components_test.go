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

package release_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/kustomize"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

const tag = "v0.1.0"

// root is the repository's root folder, seen from this package.
var root = filepath.Join("..", "..")

// manifests is what kustomize builds of config/default, with the pinned kustomize.
var manifests = sync.OnceValues(func() ([]byte, error) {
	return kustomize.Build(context.Background(), "config/default")
})

func TestTheComponentsOfThisRepositoryCanBeReleased(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	built, err := manifests()
	g.Expect(err).NotTo(HaveOccurred())
	metadata, err := os.ReadFile(filepath.Join(root, "metadata.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	folder := t.TempDir()

	g.Expect(release.WriteComponents(folder, tag, built, metadata)).To(Succeed())

	g.Expect(os.ReadFile(filepath.Join(folder, tag, "addon-components.yaml"))).To(Equal(components(t)))
	g.Expect(os.ReadFile(filepath.Join(folder, tag, "metadata.yaml"))).To(Equal(metadata))
}

func TestTheManagerGetsTheDefaultsOfEveryVariable(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)

	objects, err := release.Process(components(t), nil)

	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(arguments(t, objects)).To(Equal([]string{
		"--leader-elect",
		"--diagnostics-address=:8443",
		"--insecure-diagnostics=false",
		"--zone=xcc.test",
		"--dns-image=ghcr.io/cross-cluster-connectivity/xcc-dns:v0.1.0",
		"--dns-image-pull-secret=",
		"--dns-replicas=2",
		"--dns-ttl=5",
		"--dns-deny-addresses=",
		"--dns-tolerations=[]",
		"--dns-node-selector=kubernetes.io/os=linux",
		"--dns-resources=null",
		"--dns-priority-class=system-cluster-critical",
		"--allowed-dns-priority-classes=",
		"--max-dns-replicas=10",
		"--max-dns-resources=null",
		"--drain-time=3m0s",
		"--rollout-concurrency=5",
		"--rollout-ignore-unready=false",
	}))
}

func TestTheManagerGetsWhatAUserSets(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		variable, value, argument string
	}{
		"JSON with spaces and quotes": {
			"XCC_DNS_TOLERATIONS", `[{"key": "dedicated", "operator": "Exists"}] `,
			`--dns-tolerations=[{"key": "dedicated", "operator": "Exists"}] `,
		},
		"JSON that ends in a brace": {
			"XCC_DNS_RESOURCES", `{"requests": {"cpu": "10m"}}`, `--dns-resources={"requests": {"cpu": "10m"}}`,
		},
		"what YAML takes for a comment": {"XCC_ZONE", "xcc.test #1", "--zone=xcc.test #1"},
		"an address with a colon":       {"XCC_DIAGNOSTICS_ADDRESS", "127.0.0.1:8080", "--diagnostics-address=127.0.0.1:8080"},
		"a list":                        {"XCC_DNS_NODE_SELECTOR", "a=b,c/d=e", "--dns-node-selector=a=b,c/d=e"},
		"ranges":                        {"XCC_DNS_DENY_ADDRESSES", "10.96.0.0/12,fd00::/8", "--dns-deny-addresses=10.96.0.0/12,fd00::/8"},
		"a name":                        {"XCC_DNS_IMAGE_PULL_SECRET", "registry", "--dns-image-pull-secret=registry"},
		"an image with a digest": {
			"XCC_DNS_IMAGE", "registry.example:5000/xcc-dns@sha256:0123", "--dns-image=registry.example:5000/xcc-dns@sha256:0123",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)

			objects, err := release.Process(components(t), map[string]string{test.variable: test.value})

			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(arguments(t, objects)).To(ContainElement(test.argument))
		})
	}
}

func TestEveryImageIsOfTheVersion(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)

	text := string(components(t))

	g.Expect(text).To(ContainSubstring("image: ghcr.io/cross-cluster-connectivity/xcc-controller-manager:v0.1.0\n"))
	g.Expect(text).NotTo(ContainSubstring(":dev"))
}

func TestComponentsRefusesManifestsWithoutOurImages(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)

	_, err := release.Components([]byte("image: ghcr.io/cross-cluster-connectivity/xcc-dns:dev"), tag)

	g.Expect(err).To(MatchError(ContainSubstring("do not mention the image ghcr.io/cross-cluster-connectivity/xcc-controller-manager:dev")))
}

func TestWriteComponentsWritesNothingThatIsWrong(t *testing.T) {
	t.Parallel()
	built, err := manifests()
	if err != nil {
		t.Fatal(err)
	}
	const metadata = "apiVersion: clusterctl.cluster.x-k8s.io/v1alpha3\nkind: Metadata\n"
	series := metadata + "releaseSeries: [{major: 0, minor: 1, contract: v1beta2}]\n"
	for name, test := range map[string]struct {
		tag, metadata string
		manifests     []byte
		message       string
	}{
		"no version":               {"dev", series, built, "looks like v0.1.0, not \"dev\""},
		"a version without v":      {"0.1.0", series, built, "looks like v0.1.0, not \"0.1.0\""},
		"a version of two parts":   {"v0.1", series, built, "looks like v0.1.0, not \"v0.1\""},
		"no entry for the minor":   {"v0.2.0", series, built, "no releaseSeries entry for major 0, minor 2: add one before releasing v0.2.0"},
		"another contract":         {tag, strings.Replace(series, "v1beta2", "v1beta1", 1), built, "contract v1beta1, not v1beta2"},
		"a misspelt field":         {tag, strings.Replace(series, "releaseSeries", "releaseserie", 1), built, "reading metadata.yaml"},
		"metadata of another kind": {tag, strings.Replace(series, "kind: Metadata", "kind: Provider", 1), built, "not a clusterctl.cluster.x-k8s.io/v1alpha3 Metadata"},
		"components that Check dislikes": {tag, series, append(bytes.Clone(built), "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"...),
			"Secret a: objects of this kind are no part"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			folder := t.TempDir()

			err := release.WriteComponents(folder, test.tag, test.manifests, []byte(test.metadata))

			g.Expect(err).To(MatchError(ContainSubstring(test.message)))
			g.Expect(os.ReadDir(folder)).To(BeEmpty())
		})
	}
}

// components are those of this repository at the version tag.
func components(t *testing.T) []byte {
	t.Helper()
	g := NewWithT(t)
	built, err := manifests()
	g.Expect(err).NotTo(HaveOccurred())
	components, err := release.Components(built, tag)
	g.Expect(err).NotTo(HaveOccurred())
	return components
}

// arguments are those of the manager.
func arguments(t *testing.T, objects []unstructured.Unstructured) []string {
	t.Helper()
	for _, object := range objects {
		if object.GetKind() != "Deployment" {
			continue
		}
		containers, _, _ := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
		arguments, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "args")
		if err != nil {
			t.Fatal(err)
		}
		return arguments
	}
	t.Fatal("there is no Deployment")
	return nil
}
