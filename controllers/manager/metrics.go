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
	"fmt"
	"net/http"
	"strconv"

	"k8s.io/client-go/rest"
	clientmetrics "k8s.io/client-go/tools/metrics"
)

// workloadHost stands for the hosts of all workload clusters in rest_client_requests_total. A kubeconfig Secret names any host, so
// that each rotation could add series that are never dropped.
const workloadHost = "workload-clusters"

// boundRequestMetrics bounds the labels of client-go's metrics of requests. It must be called before any client is made. The
// config is that of the management cluster, whose host keeps its name.
func boundRequestMetrics(config *rest.Config) error {
	url, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return fmt.Errorf("reading the address of the management cluster: %w", err)
	}
	clientmetrics.RequestResult = boundedResult{next: clientmetrics.RequestResult, own: url.Host}
	return nil
}

// boundedResult passes on what is counted with labels of few values.
type boundedResult struct {
	next clientmetrics.ResultMetric
	own  string
}

// Increment implements clientmetrics.ResultMetric. code is text: a status code that an API server made up is "other".
func (b boundedResult) Increment(ctx context.Context, code, method, host string) {
	if host != b.own {
		host = workloadHost
	}
	if number, err := strconv.Atoi(code); err == nil && http.StatusText(number) == "" {
		code = "other"
	}
	b.next.Increment(ctx, code, method, host)
}
