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
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/kubeconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

// selfBytes bounds the response with a Pod's metadata, in bytes. The metadata of a Pod is a few kB.
const selfBytes = 1 << 20

// Self is the Pod of this manager and how it reaches its own cluster. A management cluster may manage itself. Its
// kubeconfig then names an address that is often not reachable from within, such as its own load balancer.
//
// clustercache looks for the Pod itself unless it is left without the Pod's UID. It decodes the whole Pod, whose
// quantities a hostile API server can make as slow to parse as it likes.
type Self struct {
	Pod types.NamespacedName
	UID types.UID
	// Endpoint is the API server of the management cluster, as this manager reaches it.
	Endpoint kubeconfig.Endpoint
}

// runsOn returns whether the kubeconfig leads to the cluster that this manager runs in. The kubeconfig is one that
// kubeconfig.Validate accepts. The error is public.
func (s *Self) runsOn(ctx context.Context, data []byte) (bool, error) {
	if s == nil {
		return false, nil
	}
	uid, err := s.ask(ctx, data)
	if err != nil {
		return false, fmt.Errorf("looking for the manager's own Pod: %w", remote.Safe(err))
	}
	return uid == s.UID, nil
}

// ask returns the UID of the Pod that is called like this manager's, or an empty one if the cluster does not show one.
func (s *Self) ask(ctx context.Context, data []byte) (types.UID, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(data)
	if err != nil {
		return "", err
	}
	config.Timeout, config.DisableCompression = callTimeout, true
	config.Wrap(remote.RefuseRedirects)
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return "", err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return "", err
	}
	path := server.JoinPath("api", "v1", "namespaces", s.Pod.Namespace, "pods", s.Pod.Name)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, path.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", jsonType+";as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"+jsonType)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", nil
	}
	// Nothing but the UID is decoded: numbers and quantities may take any time.
	var pod struct {
		Metadata struct {
			UID types.UID `json:"uid"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, selfBytes)).Decode(&pod); err != nil {
		return "", nil // It is no Pod, so it is not this manager's.
	}
	return pod.Metadata.UID, nil
}
