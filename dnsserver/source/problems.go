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

package source

import (
	"slices"

	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/records"
)

// problems are the parts of slices that are not served, by group of slices.
type problems struct {
	byGroup map[string][]records.Problem
	// found is the number of groups in which a slice has a problem of a kind.
	found map[kind]int
	// counts is the number of slices with a problem of each kind.
	counts map[records.Reason]int
}

// kind is a problem that counts once.
type kind struct {
	slice  string
	reason records.Reason
}

// update replaces the problems of some groups and logs the new ones.
func (p *problems) update(log klog.Logger, found map[string][]records.Problem) {
	if p.byGroup == nil {
		p.byGroup, p.found, p.counts = map[string][]records.Problem{}, map[kind]int{}, map[records.Reason]int{}
	}
	for group, current := range found {
		before := p.byGroup[group]
		p.count(before, -1)
		p.count(current, 1)
		for i, problem := range current {
			if !slices.Contains(before, problem) && !slices.Contains(current[:i], problem) {
				log.Info("Not serving all of an EndpointSlice", "endpointSlice", problem.Slice, "reason", problem.Reason, "detail", problem.Detail)
			}
		}
		if len(current) == 0 {
			delete(p.byGroup, group)
		} else {
			p.byGroup[group] = current
		}
	}
}

// count adds n to the number of times that each problem was found.
func (p *problems) count(problems []records.Problem, n int) {
	for _, problem := range problems {
		key := kind{problem.Slice, problem.Reason}
		before := p.found[key]
		p.found[key] += n
		switch {
		case before == 0:
			p.counts[problem.Reason]++
		case p.found[key] == 0:
			p.counts[problem.Reason]--
			delete(p.found, key)
		}
	}
}
