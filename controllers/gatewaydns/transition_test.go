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

package gatewaydns

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

func TestTheNoteOfATransitionSaysWhatCameAndWent(t *testing.T) {
	t.Parallel()
	var many, long []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("192.0.2.%d", 100+i))
		long = append(long, fmt.Sprintf("%d.%s.example.com", i, strings.Repeat(strings.Repeat("x", 57)+".", 4)))
	}
	gateway := func(state xccv1.GatewayState, message string, addresses ...string) *xccv1.GatewayStatus {
		return &xccv1.GatewayStatus{Cluster: "a", State: state, Message: message, Addresses: addresses}
	}
	for name, test := range map[string]struct {
		before, after *xccv1.GatewayStatus
		note          OmegaMatcher
	}{
		"a first address": {&xccv1.GatewayStatus{}, gateway("Resolved", "", "192.0.2.1"),
			Equal("Gateway of Cluster a: Resolved, added [192.0.2.1], addresses [192.0.2.1] (before: []).")},
		"one of two": {gateway("Resolved", "", "192.0.2.1", "192.0.2.2"), gateway("Resolved", "Left out: x", "192.0.2.1", "192.0.2.3"),
			Equal("Gateway of Cluster a: Resolved, added [192.0.2.3], removed [192.0.2.2], addresses [192.0.2.1 192.0.2.3] (before: [192.0.2.1 192.0.2.2]). Left out: x")},
		"the same": {gateway("Resolved", "", "192.0.2.1"), gateway("Unreachable", "why", "192.0.2.1"),
			Equal("Gateway of Cluster a: Unreachable, addresses [192.0.2.1] (before: [192.0.2.1]). why")},
		"one of many": {gateway("Resolved", "", many[1:]...), gateway("Resolved", "", many[:39]...),
			Equal("Gateway of Cluster a: Resolved, added [192.0.2.100], removed [192.0.2.139], 39 addresses (before: 39).")},
		"all of many": {gateway("Resolved", "", many[:20]...), gateway("Resolved", "why", many[20:]...), And(
			ContainSubstring("added [192.0.2.120 192.0.2.121"), ContainSubstring("removed [192.0.2.100"), ContainSubstring("and 7 more]"),
			HaveSuffix("20 addresses (before: 20). why"))},
		"of long names": {gateway("Resolved", "", long[:20]...), gateway("Resolved", strings.Repeat("m", 1024), long[20:]...), And(
			ContainSubstring("added [20."), ContainSubstring("removed [0."), ContainSubstring("and 19 more]"), ContainSubstring("20 addresses (before: 20). mmm"))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			note := transitionNote(test.before, test.after)
			g.Expect(note).To(test.note)
			g.Expect(len(note)).To(BeNumerically("<=", 1024))
		})
	}
}
