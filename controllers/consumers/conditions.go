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

package consumers

import (
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/cluster-api/util/conditions"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// setConsumersCurrentCondition sums up status.consumers.
func setConsumersCurrentCondition(gatewayDNS *xccv1.GatewayDNS) {
	condition := metav1.Condition{Type: xccv1.ConsumersCurrentCondition, ObservedGeneration: gatewayDNS.Generation}
	consumers := gatewayDNS.Status.Consumers
	total, current := ptr.Deref(consumers.Total, 0), ptr.Deref(consumers.Current, 0)
	switch {
	case total == 0:
		condition.Status, condition.Reason = metav1.ConditionUnknown, xccv1.NoConsumerReason
		condition.Message = fmt.Sprintf("No cluster in namespace %s consumes records: label its Cluster %s=%s", gatewayDNS.Namespace, xccv1.DNSLabel, xccv1.DNSEnabled)
	case current < total:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.ConsumersLaggingReason
		condition.Message = fmt.Sprintf("%d of %d clusters hold the current records; %s", current, total, firstOf(consumers.Lagging))
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, xccv1.ConsumersCurrentReason
		condition.Message = fmt.Sprintf("%d of %d clusters hold the current records", current, total)
	}
	conditions.Set(gatewayDNS, condition)
}

// firstOf names the first few of the clusters that lag.
func firstOf(lagging []xccv1.LaggingConsumer) string {
	const most = 3
	var lines []string
	for i, consumer := range lagging {
		if i == most {
			lines = append(lines, "and others, see status.consumers.lagging")
			break
		}
		lines = append(lines, fmt.Sprintf("%s: %s: %s", consumer.Cluster, consumer.Reason, consumer.Message))
	}
	return strings.Join(lines, "; ")
}
