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

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

// safeClient is a client whose errors have only the public part of the errors of an API server that is not trusted.
// They end up in statuses, Events and logs.
type safeClient struct{ client.Client }

func (c *safeClient) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return remote.Safe(c.Client.Get(ctx, key, object, options...))
}

func (c *safeClient) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return remote.Safe(c.Client.List(ctx, list, options...))
}

func (c *safeClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	return remote.Safe(c.Client.Create(ctx, object, options...))
}

func (c *safeClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return remote.Safe(c.Client.Update(ctx, object, options...))
}

func (c *safeClient) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return remote.Safe(c.Client.Patch(ctx, object, patch, options...))
}

func (c *safeClient) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	return remote.Safe(c.Client.Delete(ctx, object, options...))
}
