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

package fit

import (
	"errors"
	"regexp"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// entryField matches the field of a cause in an entry of status.gateways.
var entryField = regexp.MustCompile(`^status\.gateways\[([0-9]+)\]`)

// Refused returns the entries of status.gateways that an API server's error names as invalid: the
// first message about each entry, by its index. The map is empty if the error is of another kind or
// names no entry.
func Refused(err error) map[int]string {
	refused := map[int]string{}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return refused
	}
	for _, cause := range status.Status().Details.Causes {
		match := entryField.FindStringSubmatch(cause.Field)
		if match == nil {
			continue
		}
		index, err := strconv.Atoi(match[1])
		if _, known := refused[index]; err == nil && !known {
			refused[index] = cause.Field[len("status."):] + ": " + cause.Message
		}
	}
	return refused
}

// Isolated returns the replacement of an entry that the API server refuses: the previous addresses
// and ports in the state Unknown. If bare is true, the API server refuses that, too, and the
// replacement has no addresses. Consuming clusters keep their records in both cases. The part in the
// shared name is that of the refused entry, because it does not come from a workload cluster.
func Isolated(refused, previous xccv1.GatewayStatus, why string, bare bool) xccv1.GatewayStatus {
	isolated := xccv1.GatewayStatus{
		Cluster: refused.Cluster, Hostname: refused.Hostname, Shared: refused.Shared, State: xccv1.GatewayUnknown,
		Message: Message("The management cluster's API server refuses the new entry, so the previous records stay published: " + why),
	}
	if !bare {
		isolated.Addresses, isolated.Ports, isolated.Source = previous.Addresses, previous.Ports, previous.Source
	}
	return isolated
}

// smallest returns the index of the smallest group that can be halved, or -1 if there is none.
// Halving the smallest first finds some invalid entries even if there are many.
func smallest[T any](groups [][]T) int {
	found := -1
	for i, group := range groups {
		if len(group) > 1 && (found < 0 || len(group) < len(groups[found])) {
			found = i
		}
	}
	return found
}

// Search finds the invalid entries among the suspects by bisection. It is for a refusal that names
// no entry. accepted returns whether the API server accepts the status without the given suspects.
// It is called at most calls times.
//
// Suspects that are still undecided after all calls are returned as unsure. Search returns false if
// the API server refuses the status even without any of the suspects.
func Search[T any](suspects []T, calls int, accepted func(without []T) (bool, error)) (blamed, unsure []T, ok bool, err error) {
	if len(suspects) == 0 {
		return nil, nil, false, nil
	}
	if ok, err := accepted(suspects); err != nil || !ok {
		return nil, nil, false, err
	}
	calls--
	pending := [][]T{suspects}
	for calls > 0 {
		next := smallest(pending)
		if next < 0 {
			break
		}
		group := pending[next]
		pending = slices.Delete(pending, next, next+1)
		left, right := group[:len(group)/2], group[len(group)/2:]
		invalid := [][]T{right}
		calls--
		leftIsCleared, err := accepted(slices.Concat(slices.Concat(pending...), right))
		if err != nil {
			return nil, nil, false, err
		}
		if !leftIsCleared {
			invalid = [][]T{left}
			if calls == 0 {
				pending, unsure = append(pending, left), right
				break
			}
			calls--
			rightIsCleared, err := accepted(slices.Concat(slices.Concat(pending...), left))
			if err != nil {
				return nil, nil, false, err
			}
			if !rightIsCleared {
				invalid = [][]T{left, right}
			}
		}
		pending = append(pending, invalid...)
	}
	for _, group := range pending {
		if len(group) == 1 {
			blamed = append(blamed, group[0])
		} else {
			unsure = append(unsure, group...)
		}
	}
	return blamed, unsure, true, nil
}
