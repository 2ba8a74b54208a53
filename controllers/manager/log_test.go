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

package manager

import (
	"context"
	"errors"
	"testing"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/gomega"
	"golang.org/x/time/rate"
)

func TestErrorsOfInformersAreLoggedUpToABudget(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	var lines []string
	log := funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})
	ctx := logr.NewContext(context.Background(), log)
	limiter := rate.NewLimiter(0, 2)
	handle := boundedErrorHandler(limiter)
	for range 10 {
		handle(ctx, nil, "Unexpected watch event object type", "actualType", "*v1.Service")
	}
	g.Expect(lines).To(HaveLen(2))
	limiter.SetBurst(3)
	limiter.SetLimit(rate.Inf)
	handle(ctx, errors.New("<html>the server's own text</html>"), "Failed to watch")
	g.Expect(lines).To(HaveLen(3))
	g.Expect(lines[2]).To(And(ContainSubstring(`"leftOut"=8`), Not(ContainSubstring("html"))))
}
