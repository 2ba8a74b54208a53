//go:build e2e

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

package e2e_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/history"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/image"
)

const formerImage = "localhost/xcc-rig/xcc-dns:former"

// hostNames returns the host names in cluster-b's slices of type FQDN and annotations, in one line.
func hostNames(t *testing.T) func() (string, error) {
	t.Helper()
	return func() (string, error) {
		return path.B.Kubectl(t.Context(), "--namespace=xcc-dns", "get", "endpointslices", `--output=jsonpath=`+
			`{range .items[?(@.addressType=="FQDN")]}fqdn {.endpoints[*].addresses[*]};{end}`+
			`{range .items[*]}{.metadata.annotations.connectivity\.tanzu\.vmware\.com/dns-targets}{end}`)
	}
}

// The Pod of this release runs an image of a former one, whose dns-server reads host names only
// from slices of type FQDN. Here, a real kubelet reports the termination messages.
func TestADNSServerOfAFormerReleaseJoinsTheService(t *testing.T) {
	program, err := history.Program(t.Context(), history.BeforeTargets, "dns-server")
	if errors.Is(err, history.ErrNoHistory) {
		t.Skipf("The former dns-server is built from its commit, which only a full clone holds: %v", err)
	}
	g := NewWithT(t)
	g.Expect(err).NotTo(HaveOccurred())
	ctx := t.Context()
	built, err := image.Build(image.Config{Entrypoint: []string{"/dns-server"}}, image.File{Name: "/dns-server", Source: program})
	g.Expect(err).NotTo(HaveOccurred())
	tarball := filepath.Join(t.TempDir(), "former.tar")
	g.Expect(image.WriteTarball(tarball, formerImage, built)).To(Succeed())
	g.Expect(path.B.LoadImage(ctx, tarball)).To(Succeed())

	const front = "former.cloud.example.com"
	t.Cleanup(func() { g.Expect(path.Rig.SetUpstream()).To(Succeed()) })
	g.Expect(path.Rig.SetUpstream(front + ". A " + address(t))).To(Succeed())
	kind := gatewayKind{subdomain: "former", spec: "service: gateway/former"}
	inClusterA(t, `
apiVersion: v1
kind: Service
metadata: {name: former, namespace: gateway}
spec:
  type: LoadBalancer
  loadBalancerClass: example.com/elb
  selector: {app: caddy}
  ports: [{name: http, port: 80, targetPort: http}]
`, "service/former")
	g.Expect(path.A.SetLoadBalancer(ctx, "gateway", "former", corev1.LoadBalancerIngress{Hostname: front})).To(Succeed())
	kind.create(t, "former")
	g.Eventually(hostNames(t)).WithTimeout(soon).Should(Equal(front), "the Pods of this release have told what they read")
	resolves(t, kind.host(), address(t))

	out, err := path.B.Kubectl(ctx, "--namespace=xcc-dns", "get", "deployment", "dns-server", "--output=json")
	g.Expect(err).NotTo(HaveOccurred())
	deployment := &appsv1.Deployment{}
	g.Expect(json.Unmarshal([]byte(out), deployment)).To(Succeed())
	pod := &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "xcc-dns", Name: "former", Labels: deployment.Spec.Template.Labels},
		Spec:       deployment.Spec.Template.Spec,
	}
	pod.Spec.InitContainers[0].Image, pod.Spec.Containers[0].Image = formerImage, formerImage
	manifest, err := json.Marshal(pod)
	g.Expect(err).NotTo(HaveOccurred())
	watch := startGapless(t, path.B, kind.host(), "A")
	t.Cleanup(func() { remove(t, path.B, "--namespace=xcc-dns", "pod/former") })
	g.Expect(path.B.Apply(ctx, string(manifest))).To(Succeed())
	_, err = path.B.Kubectl(ctx, "--namespace=xcc-dns", "wait", "--for=condition=Ready", "--timeout=60s", "pod/former")
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(hostNames(t)).WithTimeout(soon).Should(Equal("fqdn "+front+";"), "its image told nothing")
	ip, err := path.B.Kubectl(ctx, "--namespace=xcc-dns", "get", "pod", "former", "--output=jsonpath={.status.podIP}")
	g.Expect(err).NotTo(HaveOccurred())
	asked := startWatch(t, path.B, ip+":1053", kind.host(), 20*time.Millisecond)
	_, err = asked.untilAnswer(ctx, "NOERROR "+address(t))
	g.Expect(err).NotTo(HaveOccurred())
	asked.stop()

	remove(t, path.B, "--namespace=xcc-dns", "pod/former")
	g.Eventually(hostNames(t)).WithTimeout(soon).Should(Equal(front), "it is gone")
	watch.expectOnly(t, "NOERROR "+address(t))
}
