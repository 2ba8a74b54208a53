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

package workload

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/pacing"
)

// lane paces the responses of one workload cluster.
type lane struct {
	reads   *pacing.Reads
	cluster client.ObjectKey
	now     func() time.Time
}

// spend notes the processor time that a part of a response costs.
func (l *lane) spend(cost time.Duration) { l.reads.Spend(l.cluster, cost, l.now()) }

// wait returns once the cluster may be read again.
func (l *lane) wait(ctx context.Context) error {
	for {
		wait := l.reads.Wait(l.cluster, l.now())
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("waiting to read more of the workload cluster: %w", ctx.Err())
		}
	}
}
