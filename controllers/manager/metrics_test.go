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

package manager

import (
	"context"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
)

// counted are the labels that were counted.
type counted map[string]int

func (c counted) Increment(_ context.Context, code, method, host string) {
	c[code+" "+method+" "+host]++
}

func TestRequestsToWorkloadClustersShareSeries(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	got := counted{}
	bounded := boundedResult{next: got, own: "10.0.0.1:443"}
	bounded.Increment(t.Context(), "200", "GET", "10.0.0.1:443")
	bounded.Increment(t.Context(), "<error>", "GET", "10.0.0.1:443")
	for i := range 900 {
		bounded.Increment(t.Context(), "200", "GET", fmt.Sprintf("host-%d.example.com", i))
		bounded.Increment(t.Context(), fmt.Sprint(600+i), "GET", "example.com")
	}
	g.Expect(got).To(Equal(counted{
		"200 GET 10.0.0.1:443": 1, "<error> GET 10.0.0.1:443": 1, "200 GET workload-clusters": 900, "other GET workload-clusters": 900,
	}))
}
