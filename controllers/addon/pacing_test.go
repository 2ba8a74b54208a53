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

package addon_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/fleet"
)

func TestAWorkloadClusterCannotMakeTheManagerWriteAllTheTime(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddInstalled("cluster-a", workload)
	memory := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName},
		Data:       map[string]string{report.KeyState: string(report.ForeignBlock), report.KeyWritten: "begin"},
	}
	n.Expect(workload.Create(ctx, memory)).To(Succeed())
	copied := func() string { return n.State("cluster-a").Written }
	n.Eventually(copied).Should(Equal("begin"))
	server := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSServerName}}
	said := func(g Gomega) string {
		g.Expect(fleet.Management.Get(ctx, client.ObjectKeyFromObject(object), object)).To(Succeed())
		return conditions.GetMessage(object, xccv1.DNSReadyCondition)
	}

	secrets := func() int { return len(n.Requests.Matching(n.Namespace+"/secrets/", fleet.Writes...)) }
	statuses := func() int { return len(n.Requests.Matching(n.Namespace+"/clusters/cluster-a/status", fleet.Writes...)) }
	secretsBefore, statusesBefore := secrets(), statuses()
	var last string
	allowed := fleet.Flood(8*time.Second, func(number int) {
		last = fmt.Sprintf("change %d", number)
		memory.Data[report.KeyWritten] = last
		n.Expect(workload.Update(ctx, memory)).To(Succeed())
		n.Expect(workload.Get(ctx, client.ObjectKeyFromObject(server), server)).To(Succeed())
		server.Status.Conditions = []appsv1.DeploymentCondition{{
			Type: appsv1.DeploymentReplicaFailure, Status: corev1.ConditionTrue, Reason: "Flood", Message: last,
		}}
		n.Expect(workload.Status().Update(ctx, server)).To(Succeed())
	})
	n.Expect(secrets()-secretsBefore).To(BeNumerically("<=", allowed), "writes of the payload Secret")
	n.Expect(statuses()-statusesBefore).To(BeNumerically("<=", allowed), "writes of the condition")

	t.Log("What was delayed is not lost")
	n.Eventually(copied).Should(Equal(last))
	n.Eventually(said).Should(ContainSubstring(last))

	t.Log("What is too long is not copied")
	memory.Data[report.KeyWritten] = strings.Repeat("x", report.MaxWritten+1)
	n.Expect(workload.Update(ctx, memory)).To(Succeed())
	n.Consistently(copied, 2*time.Second).Should(Equal(last))
}

// An API server takes no more than 256 KiB of annotations, and what it refuses would hold up the
// removal for ever.
func TestALongReportDoesNotHoldUpARemoval(t *testing.T) {
	t.Parallel()
	n := newTenant(t)
	ctx := t.Context()
	workload := n.NewWorkload()
	object := n.AddInstalled("cluster-a", workload)
	n.Expect(workload.Create(ctx, &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName},
		Data: map[string]string{
			report.KeyState: string(report.UnsupportedCorefile), report.KeyMessage: strings.Repeat("x", 300_000),
			report.KeySince: strings.Repeat("y", 300_000), report.KeyCoreDNS: strings.Repeat("z", 300_000),
		},
	})).To(Succeed())
	n.SetLabel(object, "")
	n.Eventually(n.Removing("cluster-a")).Should(ContainSubstring("it says UnsupportedCorefile: xxx"))
	n.Expect(len(n.Removing("cluster-a")())).To(BeNumerically("<=", fit.MaxMessage))
}
