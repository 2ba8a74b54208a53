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

package fit_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
)

func invalid(problems ...*field.Error) error {
	return fmt.Errorf("writing status: %w", apierrors.NewInvalid(schema.GroupKind{Kind: "GatewayDNS"}, "gw", problems))
}

func TestRefused(t *testing.T) {
	t.Parallel()
	gateways := field.NewPath("status", "gateways")
	for name, test := range map[string]struct {
		err  error
		want map[int]string
	}{
		"two entries, one of them twice": {invalid(
			field.Invalid(gateways.Index(3).Child("ports").Index(0).Child("port"), 70000, "should be less than or equal to 65535"),
			field.Invalid(gateways.Index(3).Child("message"), "", "is long"),
			field.TooLong(gateways.Index(12), "", 1),
		), map[int]string{
			3:  "gateways[3].ports[0].port: Invalid value: 70000: should be less than or equal to 65535",
			12: "gateways[12]: Too long: may not be more than 1 byte",
		}},
		"another field":     {invalid(field.Invalid(field.NewPath("status", "conditions").Index(0), "", "is wrong")), nil},
		"all of them":       {invalid(field.Invalid(gateways, "", "is wrong")), nil},
		"not an index":      {invalid(field.Invalid(gateways.Key("a"), "", "is wrong")), nil},
		"a huge index":      {invalid(field.Invalid(field.NewPath("status.gateways[99999999999999999999]"), "", "is wrong")), nil},
		"another refusal":   {apierrors.NewForbidden(schema.GroupResource{}, "gw", errors.New("no")), nil},
		"not an API status": {errors.New("EOF"), nil},
		"no details":        {&apierrors.StatusError{}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			NewWithT(t).Expect(fit.Refused(test.err)).To(HaveLen(len(test.want)))
			for index, message := range test.want {
				NewWithT(t).Expect(fit.Refused(test.err)).To(HaveKeyWithValue(index, message))
			}
		})
	}
}

func TestAnIsolatedEntryKeepsThePreviousAddresses(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	previous, refused := sample(), sample()
	refused.Addresses, refused.State = []string{"192.0.2.66"}, xccv1.GatewayNoAddress
	refused.Shared = &xccv1.GatewayShare{Priority: new(int32(1)), Weight: new(int32(2))}
	g.Expect(fit.Isolated(refused, previous, "because", false)).To(Equal(xccv1.GatewayStatus{
		Cluster: "a", Hostname: previous.Hostname, State: xccv1.GatewayUnknown, Addresses: previous.Addresses, Ports: previous.Ports, Source: previous.Source,
		Shared:  refused.Shared,
		Message: "The management cluster's API server refuses the new entry, so the previous records stay published: because",
	}))
	g.Expect(fit.Isolated(refused, previous, "because", true)).To(And(HaveField("Addresses", BeEmpty()), HaveField("Shared", refused.Shared)))
}

func everySecond(count int) []int {
	var found []int
	for i := 0; i < count; i += 2 {
		found = append(found, i)
	}
	return found
}

func TestSearchFindsTheInvalidEntries(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		suspects, calls, most int
		bad                   []int
		unsure                bool
	}{
		"one alone":           {suspects: 1, calls: 10, most: 1, bad: []int{0}},
		"one of many":         {suspects: 5000, calls: 40, most: 26, bad: []int{4711}},
		"the first of many":   {suspects: 5000, calls: 40, most: 26, bad: []int{0}},
		"the last of many":    {suspects: 5000, calls: 40, most: 26, bad: []int{4999}},
		"two of a hundred":    {suspects: 100, calls: 40, most: 25, bad: []int{3, 98}},
		"all of a few":        {suspects: 4, calls: 40, most: 7, bad: []int{0, 1, 2, 3}},
		"too many to be sure": {suspects: 1000, calls: 20, most: 20, bad: []int{1, 300, 500, 700, 900}, unsure: true},
		"every second":        {suspects: 5000, calls: 40, most: 40, bad: everySecond(5000), unsure: true},
		"two calls":           {suspects: 2, calls: 2, most: 2, bad: []int{0}, unsure: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			var suspects []int
			for i := range test.suspects {
				suspects = append(suspects, i)
			}
			calls := 0
			blamed, unsure, ok, err := fit.Search(suspects, test.calls, func(without []int) (bool, error) {
				calls++
				isLeftOut := map[int]bool{}
				for _, index := range without {
					isLeftOut[index] = true
				}
				return !slices.ContainsFunc(test.bad, func(bad int) bool { return !isLeftOut[bad] }), nil
			})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(ok).To(BeTrue())
			g.Expect(calls).To(BeNumerically("<=", test.most))
			if test.unsure {
				g.Expect(unsure).NotTo(BeEmpty())
				g.Expect(blamed).NotTo(BeEmpty())
				for _, blame := range blamed {
					g.Expect(slices.Contains(test.bad, blame)).To(BeTrue())
				}
				isolated := map[int]bool{}
				for _, index := range slices.Concat(blamed, unsure) {
					isolated[index] = true
				}
				for _, bad := range test.bad {
					g.Expect(isolated[bad]).To(BeTrue())
				}
				g.Expect(len(unsure)).To(BeNumerically("<", test.suspects))
				return
			}
			g.Expect(unsure).To(BeEmpty())
			g.Expect(blamed).To(ConsistOf(test.bad))
		})
	}
}

func TestSearchEndsIfNoSuspectIsInvalid(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, _, ok, err := fit.Search([]int{1, 2}, 10, func([]int) (bool, error) { return false, nil })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ok).To(BeFalse())
	_, _, ok, err = fit.Search(nil, 10, func([]int) (bool, error) { return true, nil })
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ok).To(BeFalse())
	_, _, _, err = fit.Search([]int{1, 2}, 10, func([]int) (bool, error) { return false, errors.New("no answer") })
	g.Expect(err).To(MatchError("no answer"))
}
