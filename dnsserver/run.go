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

package dnsserver

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

// Run serves until the context is done, and then for the lameduck time. It returns an error if the
// options are invalid, a socket cannot be bound or a server fails. An unreachable API server is no
// error.
func Run(ctx context.Context, options Options) error {
	if err := options.Validate(); err != nil {
		return err
	}
	config, err := remote.Config(options.Kubeconfig)
	if err != nil {
		return fmt.Errorf("reading how to reach the API server: %w", err)
	}
	s, err := newServer(ctx, options, rest.AddUserAgent(config, "xcc-dns-server"))
	if err != nil {
		return err
	}
	return s.run(ctx)
}
