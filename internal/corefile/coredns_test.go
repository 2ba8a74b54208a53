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

package corefile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/coredns"
)

// TestCoreDNSRefusesTwoBlocks shows why configurations are checked before they are written.
func TestCoreDNSRefusesTwoBlocks(t *testing.T) {
	t.Parallel()
	if !coredns.Isolated(t) {
		return
	}
	folder := t.TempDir()
	write(t, filepath.Join(folder, "Corefile"), ".:53 {\n}\n"+block53+"import custom/*.server\n")
	write(t, filepath.Join(folder, "custom", "xcc.server"), block53)
	server, output := coredns.NewNetwork(t).Start(t, folder)
	g := NewWithT(t)
	g.Expect(server).To(BeNil())
	g.Expect(strings.Join(output, "\n")).To(ContainSubstring("already defined"))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
	g.Expect(os.WriteFile(path, []byte(text), 0o644)).To(Succeed())
}
