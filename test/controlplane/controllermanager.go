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
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// StartControllerManager runs kube-controller-manager for a started environment until the test
// ends. It deletes namespaces, garbage-collects owned objects, and creates EndpointSlices of
// Services. There are no nodes. Extra flags override the defaults.
func StartControllerManager(ctx context.Context, t testing.TB, env *envtest.Environment, flags ...string) error {
	t.Helper()
	path, err := tetheredPath(ctx, "kube-controller-manager")
	if err != nil {
		return err
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(kubeconfig, env.KubeConfig, 0o600); err != nil {
		return fmt.Errorf("writing the kubeconfig of kube-controller-manager: %w", err)
	}
	var output bytes.Buffer
	cmd := exec.Command(path, append([]string{
		"--kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--secure-port=0",
		"--endpointslice-updates-batch-period=0s",
		// Deleted namespaces and CRDs must be noticed within seconds.
		"--min-resync-period=1m",
	}, flags...)...)
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting kube-controller-manager: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() { stop(t, cmd, ended, &output) })
	return nil
}

// stop stops the process. If the process has ended by itself, it fails the test with the output.
func stop(t testing.TB, cmd *exec.Cmd, ended <-chan struct{}, output *bytes.Buffer) {
	t.Helper()
	select {
	case <-ended:
		t.Errorf("kube-controller-manager ended by itself: %s\n%s", cmd.ProcessState, output)
		return
	default:
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		<-ended
	}
}
