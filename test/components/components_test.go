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

package components

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/support"
)

func TestEveryComponentHasAVersionExceptOurs(t *testing.T) {
	for _, versions := range []Versions{Newest, Oldest} {
		t.Run(string(versions), func(t *testing.T) {
			g := NewWithT(t)
			t.Setenv(versionsVariable, string(versions))
			for _, name := range Names() {
				version, err := Version(name)
				g.Expect(err).NotTo(HaveOccurred())
				if name == "tether" {
					g.Expect(version).To(BeEmpty())
					continue
				}
				g.Expect(version).To(MatchRegexp(`^v\d+\.\d+\.\d+`), name)
			}
		})
	}
}

func TestTheSetsMatchTheSupportedVersions(t *testing.T) {
	for _, test := range []struct {
		versions  Versions
		component string
		end       string
	}{
		{Newest, "kube-apiserver", support.Management.Newest},
		{Newest, "kube-apiserver", support.Workload.Newest},
		{Newest, "cluster-api-manager", support.ClusterAPI.Newest},
		{Oldest, "kube-apiserver", support.Workload.Oldest},
		{Oldest, "cluster-api-manager", support.ClusterAPI.Oldest},
	} {
		t.Run(string(test.versions)+" "+test.component, func(t *testing.T) {
			g := NewWithT(t)
			t.Setenv(versionsVariable, string(test.versions))
			g.Expect(Version(test.component)).To(HavePrefix(test.end + "."))
		})
	}
}

func TestAnUnknownSetIsRefused(t *testing.T) {
	g := NewWithT(t)
	t.Setenv(versionsVariable, "older")
	_, err := Path(t.Context(), "etcd")
	g.Expect(err).To(MatchError(`$XCC_VERSIONS is "older"; it must be newest or oldest`))
}

func TestLinkerFlagsSetTheVersionOfKubernetes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(kubernetes("kubernetes", "kubelet").linkerFlags("v1.37.2")).To(Equal("-s -w " +
		"-X k8s.io/component-base/version.gitVersion=v1.37.2 " +
		"-X k8s.io/component-base/version.gitMajor=1 " +
		"-X k8s.io/component-base/version.gitMinor=37"))
}

func TestTheErrorAboutAnUnknownComponentListsThePrograms(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, err := Path(t.Context(), "kube-dns")
	g.Expect(err).To(MatchError(And(ContainSubstring(`"kube-dns"`), ContainSubstring("coredns"))))
}

func TestABuildIsReused(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("XCC_CACHE", t.TempDir())
	path, err := Path(t.Context(), "tether")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(exec.CommandContext(t.Context(), path, "echo", "runs").Output()).To(BeEquivalentTo("runs\n"))
	g.Expect(os.WriteFile(path, []byte("kept"), 0o600)).To(Succeed())

	t.Chdir(t.TempDir())
	again, err := Path(t.Context(), "tether")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again).To(Equal(path))
	g.Expect(os.ReadFile(again)).To(BeEquivalentTo("kept"))
	g.Expect(filepath.Glob(filepath.Dir(path) + "/*")).To(ConsistOf(path, path+".lock"))
}

func TestTheLockIsExclusiveAndWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, "it")
	g.Expect(err).NotTo(HaveOccurred())

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = lock(ctx, path, "it")
	g.Expect(err).To(MatchError(context.DeadlineExceeded))

	unlock()
	unlock, err = lock(t.Context(), path, "it")
	g.Expect(err).NotTo(HaveOccurred())
	unlock()
}
