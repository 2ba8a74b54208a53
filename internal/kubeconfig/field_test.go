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

package kubeconfig_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/kubeconfig"
)

// field is the folder of inputs from other projects' issues, and their list.
const field = "../../test/testdata/field"

func TestKubeconfigsFromTheField(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	log, err := os.ReadFile(filepath.Join(field, "README.md"))
	g.Expect(err).NotTo(HaveOccurred())
	files, err := filepath.Glob(filepath.Join(field, "cluster-api", "kubeconfigs", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			data, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			var test struct {
				// Source is the report, as the README names it. About describes the input in one
				// sentence.
				Source, About, Kubeconfig string
				// Want is a part of the error, or the server that a client connects to.
				Want struct{ Refused, Server, ServerName string }
			}
			g.Expect(yaml.UnmarshalStrict(data, &test)).To(Succeed())
			g.Expect(test.About).NotTo(BeEmpty())
			err = kubeconfig.Validate([]byte(test.Kubeconfig))
			if test.Want.Refused != "" {
				g.Expect(err).To(MatchError(ContainSubstring(test.Want.Refused)))
			} else {
				g.Expect(err).NotTo(HaveOccurred())
				proxied, err := kubeconfig.WithProxy([]byte(test.Kubeconfig), "http://127.0.0.1:3128")
				g.Expect(err).NotTo(HaveOccurred())
				config, err := clientcmd.RESTConfigFromKubeConfig(proxied)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(config.Host).To(Equal(test.Want.Server))
				g.Expect(config.ServerName).To(Equal(test.Want.ServerName))
			}
			g.Expect(string(log)).To(ContainSubstring("| `"+test.Source+"` |"), "README.md does not list this input")
		})
	}
}
