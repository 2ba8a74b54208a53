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

package controller

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

func TestTheOwnReportLeadsToNoReconcile(t *testing.T) {
	t.Parallel()
	remembered := configMap(map[string]any{report.KeyWritten: "a", report.KeyState: "Forwarding"})
	for name, test := range map[string]struct {
		now        map[string]any
		reconciles int
	}{
		"another message of the same failure":  {map[string]any{report.KeyWritten: "a", report.KeyState: "WriteFailed", report.KeyMessage: "port 40001"}, 0},
		"blocks that are remembered otherwise": {map[string]any{report.KeyWritten: "b", report.KeyState: "Forwarding"}, 1},
		"nothing is remembered":                {nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			c, err := New(&rest.Config{}, Options{Namespace: "xcc-dns"}, prometheus.NewRegistry())
			g.Expect(err).NotTo(HaveOccurred())
			c.memoryChanged(remembered, configMap(test.now))
			g.Expect(c.queue.Len()).To(Equal(test.reconciles))
		})
	}
}
