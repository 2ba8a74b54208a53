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

package remote_test

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

func TestAClientOfConfigFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	server := hostile.New(t, nil)
	server.Override("", "/*", hostile.RedirectTo(server.URL()+"/elsewhere"))
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(kubeconfig, server.Kubeconfig(), 0o600)).To(Succeed())
	config, err := remote.Config(kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	client, err := dynamic.NewForConfig(config)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "services"}).List(t.Context(), metav1.ListOptions{})
	g.Expect(err).To(MatchError(remote.ErrRedirect))
	g.Expect(server.Requests()).To(HaveLen(1))
}
