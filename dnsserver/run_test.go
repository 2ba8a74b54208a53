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

package dnsserver

import (
	"net"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
)

func TestRunRefusesWrongOptions(t *testing.T) {
	t.Parallel()
	options := localOptions()
	options.Zones = nil
	NewWithT(t).Expect(Run(t.Context(), options)).To(MatchError("--zone is missing"))
}

func TestRunNamesAMissingKubeconfig(t *testing.T) {
	t.Parallel()
	options := localOptions()
	options.Kubeconfig = filepath.Join(t.TempDir(), "missing")
	NewWithT(t).Expect(Run(t.Context(), options)).To(MatchError(And(
		HavePrefix("reading how to reach the API server"), ContainSubstring(options.Kubeconfig))))
}

func TestAnAddressInUseIsNamedAndNothingStaysBound(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer taken.Close()
	options := localOptions()
	options.MetricsAddress = taken.Addr().String()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	options.HealthAddress = free.Addr().String()
	g.Expect(free.Close()).To(Succeed())

	_, err = newServer(t.Context(), options, &rest.Config{Host: "https://127.0.0.1:1"})
	g.Expect(err).To(MatchError(And(ContainSubstring("binding the metrics endpoint"), ContainSubstring(options.MetricsAddress))))

	again, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", options.HealthAddress)
	g.Expect(err).NotTo(HaveOccurred(), "the health address is free again")
	g.Expect(again.Close()).To(Succeed())
}
