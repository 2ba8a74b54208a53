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

package addon

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func TestTheSentenceNamesWhatIsBrokenInTheSameNamespaceOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	r := newRollout(nil, 5, "release", nil)
	condition := func(status metav1.ConditionStatus, reason string) *metav1.Condition {
		return &metav1.Condition{Status: status, Reason: reason}
	}
	updating := map[client.ObjectKey]*metav1.Condition{
		{Namespace: "ours", Name: "a"}: condition(metav1.ConditionFalse, "Updating"),
		{Namespace: "ours", Name: "b"}: condition(metav1.ConditionUnknown, "WaitingForProbe"),
		{Namespace: "ours", Name: "c"}: nil,
	}
	g.Expect(r.sentence("ours", updating)).To(And(ContainSubstring("5 at a time"), Not(ContainSubstring("not ready any more"))))

	updating[client.ObjectKey{Namespace: "ours", Name: "d"}] = condition(metav1.ConditionFalse, "ProbeFailed")
	updating[client.ObjectKey{Namespace: "theirs", Name: "secret"}] = condition(metav1.ConditionFalse, "ProbeFailed")
	g.Expect(r.sentence("ours", updating)).To(HaveSuffix("not ready any more: d (ProbeFailed), 1 more"))
}
