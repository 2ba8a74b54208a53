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

package workload_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/gate"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/kubeconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/hostile"
)

// kubeconfigSecret stands for a management cluster with one kubeconfig.
type kubeconfigSecret struct{ data []byte }

func (s kubeconfigSecret) Get(_ context.Context, _ client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	object.(*corev1.Secret).Data = map[string][]byte{"value": s.data}
	return nil
}

func (kubeconfigSecret) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("not expected")
}

func newGate(t *testing.T) *gate.Gate {
	t.Helper()
	through, err := gate.Listen(t.Context())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return through
}

func TestTheClusterOfTheManagerIsReachedAsTheManagerReachesIt(t *testing.T) {
	t.Parallel()
	self := &workload.Self{
		Pod: types.NamespacedName{Namespace: "xcc-system", Name: "manager"}, UID: "mine",
		Endpoint: kubeconfig.Endpoint{URL: &url.URL{Scheme: "https", Host: "10.96.0.1:443"}, CA: []byte("CA")},
	}
	const path = "/api/v1/namespaces/xcc-system/pods/manager"
	// One that parses the quantity does not end within any test.
	const slow = `,"spec":{"containers":[{"resources":{"limits":{"cpu":"1e-999999999"}}}]}}`
	for name, test := range map[string]struct {
		answer http.Handler
		isSelf bool
		fails  bool
	}{
		"its own Pod":                {answer: hostile.Text(http.StatusOK, "application/json", `{"metadata":{"uid":"mine"}}`), isSelf: true},
		"another Pod":                {answer: hostile.Text(http.StatusOK, "application/json", `{"metadata":{"uid":"other"}`+slow)},
		"a Pod that is slow to read": {answer: hostile.Text(http.StatusOK, "application/json", `{"metadata":{"uid":"mine"}`+slow), isSelf: true},
		"no Pod":                     {answer: hostile.Status(http.StatusNotFound, "NotFound", "not found")},
		"no right to see Pods":       {answer: hostile.Status(http.StatusForbidden, "Forbidden", "forbidden")},
		"an answer without end":      {answer: hostile.Body(http.StatusOK, "application/json", -1)},
		"compressed JSON":            {answer: hostile.Bomb(64 << 20)},
		"a redirect":                 {answer: hostile.RedirectTo("https://192.0.2.1/"), fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			server := hostile.New(t, nil)
			server.Override(http.MethodGet, path, test.answer)
			kubeconfigs := workload.NewKubeconfigs(kubeconfigSecret{server.Kubeconfig()}, newGate(t), self)
			management := &workloadtest.Management{}
			management.Put(cluster)
			workload.New(management, kubeconfigs, "", workload.DefaultLimits())

			secret := &corev1.Secret{}
			err := kubeconfigs.Get(t.Context(), client.ObjectKey{Namespace: "dev", Name: "a-kubeconfig"}, secret)
			if test.fails {
				g.Expect(err).To(MatchError(ContainSubstring("redirect")))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			config, err := clientcmd.RESTConfigFromKubeConfig(secret.Data["value"])
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(config.BearerToken).To(Equal(hostile.Token), "the credentials stay those of the kubeconfig")
			if test.isSelf {
				g.Expect(config.Host).To(Equal("https://10.96.0.1:443"))
				g.Expect(config.CAData).To(BeEquivalentTo("CA"))
			} else {
				g.Expect(config.Host).To(Equal(server.URL()))
			}
		})
	}
}
