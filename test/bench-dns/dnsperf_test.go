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
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestParse(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var output strings.Builder
	for i := range 200 {
		fmt.Fprintf(&output, "> NOERROR x.xcc.test A 0.%06d\n", 200-i)
	}
	output.WriteString("  Queries lost:         3 (0.01%)\n  Response codes:       NOERROR 170 (85.00%), SERVFAIL 8 (4.00%), REFUSED 2 (1.00%), NXDOMAIN 20 (10.00%)\n  Queries per second:   12345.5\n  Average Latency (s):  0.000100 (min 0.000001, max 0.1)\n")
	g.Expect(parse(output.String())).To(Equal(result{qps: 12345.5, mean: 100 * time.Microsecond, p99: 199 * time.Microsecond, lost: 3, missing: 0.1, failed: 0.05}))
	_, err := parse("nothing")
	g.Expect(err).To(MatchError(ContainSubstring("Queries per second")))
}

func TestAServerThatIsWrongIsNotMeasured(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(result{missing: 0.11}.check()).To(Succeed())
	for _, wrong := range []result{{}, {missing: 0.2}, {missing: 0.1, failed: 0.001}} {
		g.Expect(wrong.check()).To(MatchError(ContainSubstring("responses")), "%v", wrong)
	}
}

func TestHalfOfTheNamesAreAliases(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	s := scenario{names: 10, aliases: true}
	aliases := 0
	for i := range s.names {
		if s.isAlias(i) {
			aliases++
			g.Expect(s.slice(i).Endpoints[0].Addresses).To(Equal([]string{s.target(i)}))
		}
	}
	g.Expect(aliases).To(Equal(5))
	g.Expect(s.target(3)).To(Equal("lb.gateway.cluster-2.dev-team.clusters.xcc.test"), "a name that has an address")
}

func TestTheServerAndItsLoadShareNoProcessor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect([]string{serverProcessors(1), loadProcessors(1, 2)}).To(Equal([]string{"0-0", "1-1"}))
	g.Expect([]string{serverProcessors(2), loadProcessors(2, 4)}).To(Equal([]string{"0-1", "2-3"}))
}
