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

package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// maxRanges is the limit of ranges in the annotation. Every address of every node is compared with
// each of them.
const maxRanges = 32

// excludePrefix marks an excluded range in the annotation.
const excludePrefix = "!"

// ranges are the ranges in the GatewayAddressRangesAnnotation.
type ranges struct {
	// preferred are in the order of the annotation.
	preferred []netip.Prefix
	excluded  netaddr.Judge
	// invalid says why the annotation is invalid, or is empty. Then no range is preferred or
	// excluded.
	invalid string
}

// WithRanges returns the Network with the ranges of the Cluster's GatewayAddressRangesAnnotation.
func (n Network) WithRanges(annotation string) Network {
	n.ranges = parseRanges(annotation)
	return n
}

func parseRanges(annotation string) ranges {
	invalid := func(format string, args ...any) ranges {
		return ranges{invalid: fmt.Sprintf("Annotation "+xccv1.GatewayAddressRangesAnnotation+" of the Cluster must be ranges, separated by commas, "+
			"such as 10.0.0.0/8 to prefer a range, or !10.0.0.0/8 to exclude it: "+format, args...)}
	}
	var found ranges
	var excluded []netip.Prefix
	count := 0
	for part := range strings.SplitSeq(annotation, ",") {
		if count++; count > maxRanges {
			return invalid("it has more than %d", maxRanges)
		}
		text, isExcluded := strings.CutPrefix(strings.TrimSpace(part), excludePrefix)
		prefix, err := netaddr.ParseRange(strings.TrimSpace(text))
		switch {
		case err != nil:
			return invalid("%s", fit.Message(err.Error()))
		case isExcluded:
			excluded = append(excluded, prefix)
		default:
			found.preferred = append(found.preferred, prefix)
		}
	}
	found.excluded = netaddr.NewJudge(excluded)
	return found
}

// choices returns predicates for the addresses of a node, in the order of preference: those in a
// preferred range, then external and then internal ones.
func (r ranges) choices() []func(corev1.NodeAddressType, netip.Addr) bool {
	var all []func(corev1.NodeAddressType, netip.Addr) bool
	for _, preferred := range r.preferred {
		all = append(all, func(addressType corev1.NodeAddressType, address netip.Addr) bool {
			isIP := addressType == corev1.NodeExternalIP || addressType == corev1.NodeInternalIP
			return isIP && preferred.Contains(address.Unmap())
		})
	}
	for _, wanted := range []corev1.NodeAddressType{corev1.NodeExternalIP, corev1.NodeInternalIP} {
		all = append(all, func(addressType corev1.NodeAddressType, _ netip.Addr) bool { return addressType == wanted })
	}
	return all
}

// choose returns the addresses in the first preferred range with an address, for each family, or
// all if there is none. others are the remaining addresses. Host names are always chosen.
func (r ranges) choose(all []string) (chosen, others []string) {
	rank := func(address netip.Addr) int {
		if i := slices.IndexFunc(r.preferred, func(prefix netip.Prefix) bool { return prefix.Contains(address) }); i >= 0 {
			return i
		}
		return len(r.preferred)
	}
	best := map[families]int{}
	for _, text := range all {
		if address, err := netip.ParseAddr(text); err == nil {
			known, ok := best[familyOf(address)]
			if found := rank(address); !ok || found < known {
				best[familyOf(address)] = found
			}
		}
	}
	for _, text := range all {
		if address, err := netip.ParseAddr(text); err == nil && rank(address) > best[familyOf(address)] {
			others = append(others, text)
		} else {
			chosen = append(chosen, text)
		}
	}
	return chosen, others
}

// prefer limits the usable addresses to the preferred ranges.
func (f *addresses) prefer() {
	chosen, others := f.network.ranges.choose(f.usable)
	f.usable = chosen
	if len(others) == 0 {
		return
	}
	slices.Sort(others)
	others = slices.Compact(others)
	f.inClusterRanges = slices.DeleteFunc(f.inClusterRanges, func(address string) bool {
		_, isOther := slices.BinarySearch(others, address)
		return isOther
	})
	f.remarks = append(f.remarks, "The Cluster's annotation "+xccv1.GatewayAddressRangesAnnotation+" prefers other addresses to "+text.List(others, ", "))
}
