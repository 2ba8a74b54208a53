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

package controlplane

import (
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestControllerManagerWorksOnARealAPIServer(t *testing.T) {
	g := NewWithT(t)
	ctx := t.Context()
	env, err := New(ctx)
	g.Expect(err).NotTo(HaveOccurred())
	cfg, err := env.Start()
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { g.Expect(env.Stop()).To(Succeed()) })
	g.Expect(StartControllerManager(ctx, t, env)).To(Succeed())
	c, err := client.New(cfg, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())

	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	g.Expect(c.Create(ctx, namespace)).To(Succeed())
	g.Expect(c.Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "web"},
			Ports:    []corev1.ServicePort{{Port: 80}},
		},
	})).To(Succeed())

	g.Eventually(func(g Gomega) {
		slices := &discoveryv1.EndpointSliceList{}
		g.Expect(c.List(ctx, slices, client.InNamespace("shop"),
			client.MatchingLabels{discoveryv1.LabelServiceName: "web"})).To(Succeed())
		g.Expect(slices.Items).To(HaveLen(1))
	}, time.Minute, 50*time.Millisecond).Should(Succeed(), "kube-controller-manager makes a slice for the Service")

	g.Expect(c.Delete(ctx, namespace)).To(Succeed())
	g.Eventually(func() bool {
		return apierrors.IsNotFound(c.Get(ctx, client.ObjectKeyFromObject(namespace), namespace))
	}, time.Minute, 50*time.Millisecond).Should(BeTrue(), "kube-controller-manager empties and removes the namespace")
}

// victim is the environment variable with which the test runs itself as the process to kill.
const victim = "XCC_TEST_VICTIM"

func TestAKilledTestLeavesNoServerBehind(t *testing.T) {
	g := NewWithT(t)
	if os.Getenv(victim) != "" {
		env, err := New(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		_, err = env.Start()
		g.Expect(err).NotTo(HaveOccurred())
		address := env.ControlPlane.APIServer.SecureServing.HostPort()
		g.Expect(os.WriteFile(os.Getenv(victim), []byte(address), 0o600)).To(Succeed())
		_, _ = io.Copy(io.Discard, os.Stdin) // Wait until this process is killed or its parent has ended.
		return
	}

	file := t.TempDir() + "/address"
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), victim+"="+file)
	_, err := cmd.StdinPipe()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(cmd.Start()).To(Succeed())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	g.Eventually(func() error { return dial(file) }, 2*time.Minute, 50*time.Millisecond).
		Should(Succeed(), "the API server listens while the process lives")

	g.Expect(cmd.Process.Kill()).To(Succeed())
	_ = cmd.Wait()
	g.Eventually(func() error { return dial(file) }, 10*time.Second, 50*time.Millisecond).
		ShouldNot(Succeed(), "the API server ends with the process")
}

// dial connects to the address in the file.
func dial(file string) error {
	address, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", string(address), time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}
