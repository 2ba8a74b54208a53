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

package patcher_test

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher"
)

func TestOptionsHaveDefaults(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	options, err := patcher.ParseOptions(nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(options.Validate()).To(Succeed())
	g.Expect(options).To(Equal(patcher.Options{
		Zones: []string{"xcc.test"}, Namespace: "xcc-dns", HealthBindAddress: ":8080", MetricsBindAddress: ":9153",
		ProbeInterval: 30 * time.Second, ResolvConf: "/etc/resolv.conf",
	}))
}

func TestZonesAreCanonicalAndUnique(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	options, err := patcher.ParseOptions([]string{"--zone=XCC.test.", "--zone", "xcc.test", "--zone=b.test"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(options.Zones).To(Equal([]string{"xcc.test", "b.test"}))
}

func TestWrongOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		err  string
	}{
		"a zone that is no name":       {[]string{"--zone=a..b"}, "a DNS label is empty"},
		"a zone with a wildcard":       {[]string{"--zone=*.test"}, `name "*.test" is a wildcard`},
		"an empty namespace":           {[]string{"--namespace="}, "--namespace is empty"},
		"a health address of no port":  {[]string{"--health-bind-address=localhost"}, "--health-bind-address: "},
		"a metrics address of no port": {[]string{"--metrics-bind-address=localhost"}, "--metrics-bind-address: "},
		"no zone":                      {[]string{"--zone="}, "--zone"},
		"a probe too often":            {[]string{"--probe-interval=10ms"}, "--probe-interval is 10ms"},
		"an argument":                  {[]string{"run"}, `unexpected argument "run"`},
		"servers that are no JSON":     {[]string{"--cluster-dns=x"}, "--cluster-dns: parsing a choice of servers"},
		"a server without a Corefile":  {[]string{`--cluster-dns={"servers":[{}]}`}, "--cluster-dns: a server has no Corefile"},
		"an unknown flag":              {[]string{"--cache"}, "unknown flag: --cache"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			options, err := patcher.ParseOptions(test.args)
			if err == nil {
				err = options.Validate()
			}
			g.Expect(err).To(MatchError(ContainSubstring(test.err)))
		})
	}
}

func TestTheVersionIsPrinted(t *testing.T) {
	t.Parallel()
	_, err := patcher.ParseOptions([]string{"--version"})
	NewWithT(t).Expect(err).To(MatchError(patcher.ErrVersion))
}
