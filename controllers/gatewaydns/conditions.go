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
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/cluster-api/util/conditions"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

// setClustersSelectedCondition says whether the selector selects any Cluster. selectorErr is why it cannot be evaluated.
func setClustersSelectedCondition(gatewayDNS *xccv1.GatewayDNS, selected int, selectorErr error) {
	condition := metav1.Condition{Type: xccv1.ClustersSelectedCondition, ObservedGeneration: gatewayDNS.Generation}
	switch {
	case selectorErr != nil:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.InvalidSelectorReason
		condition.Message = fit.Message(fmt.Sprintf("spec.clusterSelector cannot be evaluated, correct it: %v", selectorErr))
	case selected == 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.NoClusterSelectedReason
		condition.Message = fmt.Sprintf("spec.clusterSelector selects no Cluster in namespace %s: correct it or label a Cluster", gatewayDNS.Namespace)
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, xccv1.ClustersSelectedReason
	}
	conditions.Set(gatewayDNS, condition)
}

// setNamesClaimedCondition says whether the names are claimed. unclaimed is how many of them the annotation has no room for,
// claimErr why the claims could not be written.
func setNamesClaimedCondition(gatewayDNS *xccv1.GatewayDNS, unclaimed int, claimErr error) {
	condition := metav1.Condition{
		Type: xccv1.NamesClaimedCondition, ObservedGeneration: gatewayDNS.Generation, Status: metav1.ConditionTrue, Reason: xccv1.NamesClaimedReason,
	}
	switch {
	case claimErr != nil:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.ClaimsNotWrittenReason
		condition.Message = fit.Message(fmt.Sprintf("Annotation %s cannot be written, so that another GatewayDNS can take the names: %v",
			xccv1.ClaimsAnnotation, claimErr))
	case unclaimed > 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.TooManyClaimsReason
		condition.Message = fmt.Sprintf("Annotation %s has no room for %d more names, so that another GatewayDNS can take them: "+
			"select fewer Clusters, or remove the claims of Clusters that do not exist from it", xccv1.ClaimsAnnotation, unclaimed)
	}
	conditions.Set(gatewayDNS, condition)
}

// setGatewaysResolvedCondition sums up the states of the gateways in the status, in one line, which kubectl get shows.
// selectorErr is why it is not known which clusters are selected.
func setGatewaysResolvedCondition(gatewayDNS *xccv1.GatewayDNS, selectorErr error) {
	condition := metav1.Condition{Type: xccv1.GatewaysResolvedCondition, ObservedGeneration: gatewayDNS.Generation}
	var unresolved, unknown []string
	for _, gateway := range gatewayDNS.Status.Gateways {
		line := fmt.Sprintf("%s: %s: %s", gateway.Cluster, gateway.State, gateway.Message)
		switch {
		case gateway.State.KnownEmpty():
			unresolved = append(unresolved, line)
		case !gateway.State.Current():
			unknown = append(unknown, line)
		}
	}
	switch {
	case selectorErr != nil:
		condition.Status, condition.Reason = metav1.ConditionUnknown, xccv1.GatewaysUnknownReason
		condition.Message = "spec.clusterSelector cannot be evaluated, what was published before stays"
		conditions.Set(gatewayDNS, condition)
		return
	case len(unresolved) > 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.GatewaysNotResolvedReason
	case len(unknown) > 0:
		condition.Status, condition.Reason = metav1.ConditionUnknown, xccv1.GatewaysUnknownReason
	case len(gatewayDNS.Status.Gateways) == 0:
		condition.Status, condition.Reason = metav1.ConditionFalse, xccv1.GatewaysNotResolvedReason
		condition.Message = "No Cluster is selected"
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, xccv1.GatewaysResolvedReason
	}
	if problems := slices.Concat(unresolved, unknown); len(problems) > 0 {
		condition.Message = firstOf(problems)
	}
	conditions.Set(gatewayDNS, condition)
}

// setSharedNamePublishedCondition says whether the shared name is published. Without spec.shared there is no condition.
func setSharedNamePublishedCondition(gatewayDNS *xccv1.GatewayDNS, shared sharedState) {
	if gatewayDNS.Spec.Shared == nil {
		conditions.Delete(gatewayDNS, xccv1.SharedNamePublishedCondition)
		return
	}
	condition := metav1.Condition{
		Type: xccv1.SharedNamePublishedCondition, ObservedGeneration: gatewayDNS.Generation, Status: metav1.ConditionFalse,
	}
	switch {
	case shared.invalid != nil:
		condition.Reason = xccv1.SharedNameInvalidReason
		condition.Message = fit.Message(fmt.Sprintf("No DNS name can be made of spec.shared.name and the namespace, use a shorter one: %v", shared.invalid))
	case shared.rival != nil:
		condition.Reason = xccv1.SharedNameConflictedReason
		condition.Message = fit.Message(fmt.Sprintf("GatewayDNS %s has claimed this name since %s: give one of the two another spec.shared.name",
			shared.rival.GatewayDNS, shared.rival.Since.UTC().Format(time.RFC3339)))
	case shared.membersErr != nil:
		condition.Reason = xccv1.SharedMembersInvalidReason
		condition.Message = fit.Message(fmt.Sprintf("Correct the selector, until then the gateways keep their former parts: %v", shared.membersErr))
	case len(shared.shares) == 0:
		condition.Reason = xccv1.NoSharedMemberReason
		condition.Message = "spec.shared.members match no selected Cluster: correct their selectors or label a Cluster"
		if len(gatewayDNS.Spec.Shared.Members) == 0 {
			condition.Message = "No Cluster is selected"
		}
	default:
		condition.Status, condition.Reason = metav1.ConditionTrue, xccv1.SharedNamePublishedReason
	}
	conditions.Set(gatewayDNS, condition)
}

// firstOf joins the first few of several sentences, and says how many there are besides.
func firstOf(sentences []string) string {
	const most = 3
	if len(sentences) > most {
		more := fmt.Sprintf("and %d more, see status.gateways", len(sentences)-most)
		sentences = append(sentences[:most:most], more)
	}
	return strings.Join(sentences, "; ")
}

// setReadyCondition sums up the other conditions.
func setReadyCondition(gatewayDNS *xccv1.GatewayDNS) error {
	err := conditions.SetSummaryCondition(gatewayDNS, gatewayDNS, xccv1.ReadyCondition,
		conditions.ForConditionTypes{xccv1.ClustersSelectedCondition, xccv1.NamesClaimedCondition, xccv1.GatewaysResolvedCondition},
		conditions.CustomMergeStrategy{MergeStrategy: conditions.DefaultMergeStrategy(
			conditions.ComputeReasonFunc(conditions.GetDefaultComputeMergeReasonFunc(
				xccv1.NotReadyReason, xccv1.ReadyUnknownReason, xccv1.ReadyReason,
			)),
		)},
	)
	if err != nil {
		return fmt.Errorf("summing up conditions: %w", err)
	}
	return nil
}
