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
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/cluster-api/controllers/clustercache"
	"sigs.k8s.io/cluster-api/util/secret"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/gate"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/kubeconfig"
)

// RefusedKubeconfigError says that the kubeconfig of a Cluster is not used, and what to change in which Secret. It is a
// clustercache.ErrClusterNotConnected.
type RefusedKubeconfigError struct {
	// Secret is the name of the Secret.
	Secret string
	// Problem is what is wrong with its kubeconfig.
	Problem error
}

func (e *RefusedKubeconfigError) Error() string {
	return fmt.Sprintf("The kubeconfig in Secret %s is refused: %v", e.Secret, e.Problem)
}

// IsPublic says that the text can be told: it is remote.Public.
func (e *RefusedKubeconfigError) IsPublic() {}

// Is makes it a clustercache.ErrClusterNotConnected.
func (e *RefusedKubeconfigError) Is(target error) bool {
	return target == clustercache.ErrClusterNotConnected
}

// Connected tells how to reach workload clusters, as clustercache does.
type Connected interface {
	GetRESTConfig(ctx context.Context, cluster client.ObjectKey) (*rest.Config, error)
}

// Kubeconfigs reads the kubeconfig Secrets of Clusters. It is the only reader of them: what it refuses is used nowhere.
type Kubeconfigs struct {
	secrets client.Reader
	gate    *gate.Gate

	mu sync.Mutex
	// direct are the configurations of connected clusters, as Direct returns them.
	direct map[client.ObjectKey]direct
}

// direct is a configuration that does not lead through the gate, and the one that it was made of.
type direct struct{ from, config *rest.Config }

var _ client.Reader = &Kubeconfigs{}

// NewKubeconfigs returns a reader of kubeconfig Secrets on top of a client, which should have them cached. Whoever uses what it
// reads connects through the gate, if there is one.
func NewKubeconfigs(secrets client.Reader, gate *gate.Gate) *Kubeconfigs {
	return &Kubeconfigs{secrets: secrets, gate: gate, direct: map[client.ObjectKey]direct{}}
}

// Get reads a kubeconfig Secret for clustercache. The error is a RefusedKubeconfigError if its kubeconfig must not be used.
func (k *Kubeconfigs) Get(ctx context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	found, ok := object.(*corev1.Secret)
	if !ok {
		return fmt.Errorf("reading %T, which is no kubeconfig Secret", object)
	}
	data, err := k.read(ctx, key)
	if err != nil {
		return err
	}
	server, proxy, err := kubeconfig.Endpoint(data)
	if err != nil {
		return &RefusedKubeconfigError{Secret: key.Name, Problem: err}
	}
	if k.gate == nil {
		*found = *kubeconfigSecret(key, data)
		return nil
	}
	if data, err = kubeconfig.Through(data, k.gate.Issue(key.String(), server, proxy)); err != nil {
		return &RefusedKubeconfigError{Secret: key.Name, Problem: err}
	}
	*found = *kubeconfigSecret(key, data)
	return nil
}

func kubeconfigSecret(key client.ObjectKey, data []byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Data:       map[string][]byte{secret.KubeconfigDataName: data},
	}
}

// read returns a kubeconfig that may be used.
func (k *Kubeconfigs) read(ctx context.Context, key client.ObjectKey) ([]byte, error) {
	found := &corev1.Secret{}
	if err := k.secrets.Get(ctx, key, found); err != nil {
		return nil, err
	}
	data, ok := found.Data[secret.KubeconfigDataName]
	problem := errors.New("it has no key " + secret.KubeconfigDataName)
	if ok {
		problem = kubeconfig.Judge(data)
	}
	if problem != nil {
		return nil, &RefusedKubeconfigError{Secret: key.Name, Problem: problem}
	}
	return data, nil
}

// List fails: nothing needs all kubeconfigs.
func (k *Kubeconfigs) List(context.Context, client.ObjectList, ...client.ListOption) error {
	return errors.New("kubeconfig Secrets are not listed")
}

// Direct returns the configurations of clusters that clustercache has connected, for clients that are bounded by themselves: they do
// not lead through the gate. Of a cluster that is not connected it says whether that is because its kubeconfig is refused.
func (k *Kubeconfigs) Direct(connected Connected) Connected {
	return &directConfigs{connected: connected, kubeconfigs: k}
}

type directConfigs struct {
	connected   Connected
	kubeconfigs *Kubeconfigs
}

func (d *directConfigs) GetRESTConfig(ctx context.Context, cluster client.ObjectKey) (*rest.Config, error) {
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: secret.Name(cluster.Name, secret.Kubeconfig)}
	config, err := d.connected.GetRESTConfig(ctx, cluster)
	if err == nil {
		return d.kubeconfigs.withoutGate(key, config), nil
	}
	d.kubeconfigs.forget(key)
	var refused *RefusedKubeconfigError
	if _, reason := d.kubeconfigs.read(ctx, key); errors.Is(err, clustercache.ErrClusterNotConnected) && errors.As(reason, &refused) {
		return nil, refused
	}
	return nil, err
}

// withoutGate returns the same for the same configuration.
func (k *Kubeconfigs) withoutGate(key client.ObjectKey, config *rest.Config) *rest.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.direct[key]; ok && known.from == config {
		return known.config
	}
	made := rest.CopyConfig(config)
	if k.gate != nil {
		made.Proxy = k.gate.Behind(key.String())
	}
	k.direct[key] = direct{from: config, config: made}
	return made
}

func (k *Kubeconfigs) forget(key client.ObjectKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.direct, key)
}
