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

package release_test

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/spf13/pflag"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

func TestTheManagerAcceptsTheArgumentsOfItsDeployment(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	objects, err := release.Process(components(t), nil)
	g.Expect(err).NotTo(HaveOccurred())
	options := manager.NewOptions()
	flags := pflag.NewFlagSet("manager", pflag.ContinueOnError)
	options.AddFlags(flags)

	g.Expect(flags.Parse(arguments(t, objects))).To(Succeed())

	g.Expect(options.Validate()).To(Succeed())
	g.Expect(options.DNS.Image).To(Equal("ghcr.io/cross-cluster-connectivity/xcc-dns:v0.1.0"))
	g.Expect(options.DNS.ImagePullSecret).To(BeEmpty())
	g.Expect(options.DNS.Tolerations).To(BeEmpty())
	g.Expect(options.DNS.Resources).To(BeNil(), "the DNS server keeps the resources of its template")
}
