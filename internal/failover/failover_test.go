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

package failover_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// valid returns settings with the largest values.
func valid() failover.Settings {
	return failover.Settings{
		Shared: &failover.Share{Hostname: "*.shop.dev.gateways.xcc.test", Rank: failover.MaxRank, Weight: 65535},
		HealthCheck: &failover.HealthCheck{
			Protocol: failover.HTTPS, Port: 443, Path: "/" + strings.Repeat("<", 511), Host: "shop.example.com",
			Interval: failover.MaxInterval, Timeout: failover.MaxTimeout,
			FailureThreshold: failover.MaxThreshold, SuccessThreshold: failover.MaxThreshold, ReportOnly: true,
		},
	}
}

func TestParseIsTheInverseOfString(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	none, err := failover.Parse(failover.Settings{}.String())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(none).To(Equal(failover.Settings{}))
	parsed, err := failover.Parse(valid().String())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(parsed).To(Equal(valid()))
}

func TestParseKeepsTheValidPart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*failover.Settings)
		// part names the invalid part.
		part string
	}{
		"a name without a wildcard":   {func(s *failover.Settings) { s.Shared.Hostname = "shop.dev.gateways.xcc.test" }, "shared"},
		"a name in upper case":        {func(s *failover.Settings) { s.Shared.Hostname = "*.Shop.dev.gateways.xcc.test" }, "shared"},
		"a name that DNS refuses":     {func(s *failover.Settings) { s.Shared.Hostname = "*." + strings.Repeat("a", 64) }, "shared"},
		"a rank above the highest":    {func(s *failover.Settings) { s.Shared.Rank = failover.MaxRank + 1 }, "shared"},
		"another protocol":            {func(s *failover.Settings) { s.HealthCheck.Protocol = "UDP" }, "healthCheck"},
		"no port":                     {func(s *failover.Settings) { s.HealthCheck.Port = 0 }, "healthCheck"},
		"an interval below a second":  {func(s *failover.Settings) { s.HealthCheck.Interval = time.Second - 1 }, "healthCheck"},
		"an interval above 5 minutes": {func(s *failover.Settings) { s.HealthCheck.Interval = failover.MaxInterval + 1 }, "healthCheck"},
		"a negative timeout":          {func(s *failover.Settings) { s.HealthCheck.Timeout = -1 }, "healthCheck"},
		"a timeout above the interval": {
			func(s *failover.Settings) { s.HealthCheck.Interval, s.HealthCheck.Timeout = time.Second, 2*time.Second }, "healthCheck",
		},
		"no failure threshold":         {func(s *failover.Settings) { s.HealthCheck.FailureThreshold = 0 }, "healthCheck"},
		"a success threshold above 10": {func(s *failover.Settings) { s.HealthCheck.SuccessThreshold = 11 }, "healthCheck"},
		"a path with TCP":              {func(s *failover.Settings) { s.HealthCheck.Protocol = failover.TCP }, "healthCheck"},
		"no path":                      {func(s *failover.Settings) { s.HealthCheck.Path = "" }, "healthCheck"},
		"a relative path":              {func(s *failover.Settings) { s.HealthCheck.Path = "live" }, "healthCheck"},
		"a path with another header":   {func(s *failover.Settings) { s.HealthCheck.Path = "/ HTTP/1.1\r\nX: y" }, "healthCheck"},
		"a path of 513 bytes":          {func(s *failover.Settings) { s.HealthCheck.Path = "/" + strings.Repeat("a", 512) }, "healthCheck"},
		"a host with another header":   {func(s *failover.Settings) { s.HealthCheck.Host = "a\r\nX: y" }, "healthCheck"},
		"a wildcard as the host":       {func(s *failover.Settings) { s.HealthCheck.Host = "*.example.com" }, "healthCheck"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			settings, want := valid(), valid()
			test.change(&settings)
			if test.part == "shared" {
				want.Shared = nil
			} else {
				want.HealthCheck = nil
			}
			parsed, err := failover.Parse(settings.String())
			g.Expect(err).To(MatchError(HavePrefix(test.part + ": ")))
			g.Expect(parsed).To(Equal(want))
		})
	}
}

func TestParseBoundsTheText(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, text := range []string{"null and void", "[1]", `{"shared":{"rank":-1}}`, valid().String() + strings.Repeat(" ", 10000)} {
		parsed, err := failover.Parse(text)
		g.Expect(err).To(HaveOccurred())
		g.Expect(parsed).To(Equal(failover.Settings{}))
	}
}

// FuzzParse checks that what is accepted stays the same when it is written again.
func FuzzParse(f *testing.F) {
	f.Add(valid().String())
	f.Add(`{"healthCheck":{"protocol":"TCP","port":443,"interval":1000000000,"timeout":1000000000,"failureThreshold":1,"successThreshold":1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		parsed, _ := failover.Parse(text)
		again, err := failover.Parse(parsed.String())
		if err != nil || again.String() != parsed.String() {
			t.Fatalf("%q became %q: %v", text, again.String(), err)
		}
	})
}
