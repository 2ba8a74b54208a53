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

package health

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// longestSentence bounds what a workload cluster can put into a condition.
const longestSentence = 600

func replicas(deployment *appsv1.Deployment) int32 { return ptr.Deref(deployment.Spec.Replicas, 1) }

// isRolledOut returns whether all Pods are of the Deployment's present template, available or not.
func isRolledOut(deployment *appsv1.Deployment) bool {
	status := deployment.Status
	return status.ObservedGeneration >= deployment.Generation &&
		status.UpdatedReplicas >= replicas(deployment) && status.Replicas <= status.UpdatedReplicas
}

// everCompleted returns whether the present template has been available once.
func everCompleted(deployment *appsv1.Deployment) bool {
	progressing := conditionOf(deployment, appsv1.DeploymentProgressing)
	return progressing != nil && progressing.Reason == "NewReplicaSetAvailable"
}

// problem returns what the Deployment itself says of a rollout that does not go on, or of Pods that cannot be made.
func problem(deployment *appsv1.Deployment) string {
	if failure := conditionOf(deployment, appsv1.DeploymentReplicaFailure); failure != nil && failure.Status == corev1.ConditionTrue {
		return failure.Message
	}
	if progressing := conditionOf(deployment, appsv1.DeploymentProgressing); progressing != nil && progressing.Status == corev1.ConditionFalse {
		return progressing.Message
	}
	return ""
}

func conditionOf(deployment *appsv1.Deployment, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range deployment.Status.Conditions {
		if deployment.Status.Conditions[i].Type == kind {
			return &deployment.Status.Conditions[i]
		}
	}
	return nil
}

// since returns when the state of the Corefile changed last, by the clock of its cluster. One that is far ahead of ours tells
// nothing, and must not keep us waiting for as long.
func since(o *observation) time.Time {
	at, err := time.Parse(time.RFC3339, o.report[report.KeySince])
	if err != nil || at.After(o.now.Add(reloadTime)) {
		return time.Time{}
	}
	return at
}

// coreDNS names the CoreDNS that was found.
func coreDNS(o *observation) string {
	if found := o.report[report.KeyCoreDNS]; found != "" {
		return "CoreDNS: " + found
	}
	return ""
}

// missing says how many DNS servers are away while the rest answers.
func missing(o *observation) string {
	available, wanted := o.dnsServer.Status.AvailableReplicas, replicas(o.dnsServer)
	if available >= wanted {
		return ""
	}
	return fmt.Sprintf("%d of %d DNS servers are available", available, wanted)
}

// sentences joins what is not empty, and bounds each.
func sentences(parts ...string) string {
	var joined []string
	for _, part := range parts {
		if part = strings.TrimRight(strings.ToValidUTF8(part, ""), ". \n"); part != "" {
			joined = append(joined, text.Line(part, longestSentence))
		}
	}
	return strings.Join(joined, ". ")
}

// uncopied says that the manager keeps no copy of what the patcher remembers, by which it could be given back.
func uncopied(o *observation) string {
	if length := len(o.report[report.KeyWritten]); length > report.MaxWritten {
		return fmt.Sprintf("What dns-config-patcher remembers of its server blocks is %d bytes long and is not copied, %d are allowed", length, report.MaxWritten)
	}
	return ""
}
