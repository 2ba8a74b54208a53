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

package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// kubeconfig names a server on which nothing listens. The program runs without one, and is not ready.
const kubeconfig = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
current-context: c
`

func TestSIGTERMEndsTheProgram(t *testing.T) {
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(path, []byte(kubeconfig), 0o600)).To(Succeed())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	health := listener.Addr().String()
	g.Expect(listener.Close()).To(Succeed())

	ended := make(chan error, 1)
	go func() {
		ended <- run([]string{"--kubeconfig=" + path, "--health-bind-address=" + health, "--metrics-bind-address=127.0.0.1:0"})
	}()
	g.Eventually(func() error {
		response, err := http.Get("http://" + health + "/healthz")
		if err == nil {
			err = response.Body.Close()
		}
		return err
	}, 30*time.Second).Should(Succeed(), "the program serves once it handles signals")
	g.Expect(syscall.Kill(os.Getpid(), syscall.SIGTERM)).To(Succeed())
	g.Eventually(ended, 30*time.Second).Should(Receive(Succeed()), "it ends when it is asked to")
}
