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

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/cluster-api/util/secret"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/gate"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/kubeconfig"
)

// RefusedKubeconfigError says that the kubeconfig of a Cluster is not used, and what to change in which Secret.
type RefusedKubeconfigError struct {
	// Secret is the name of the Secret.
	Secret string
	// Problem says why its kubeconfig is refused.
	Problem error
}

func (e *RefusedKubeconfigError) Error() string {
	return fmt.Sprintf("The kubeconfig in Secret %s is refused: %v", e.Secret, e.Problem)
}

// IsPublic says that the text can be told: it is remote.Public.
func (e *RefusedKubeconfigError) IsPublic() {}

// Kubeconfigs reads the kubeconfig Secrets of Clusters. It is the only reader of them, so a kubeconfig that it
// refuses is used nowhere.
type Kubeconfigs struct {
	secrets client.Reader
	gate    *gate.Gate
	self    *Self
	// clusters are those for which passes of the gate are issued.
	clusters *Clusters
}

var _ client.Reader = &Kubeconfigs{}

// NewKubeconfigs returns a reader of kubeconfig Secrets on top of a client, which should have them cached. Its
// kubeconfigs lead through the gate, and to the management cluster by the manager's own address for it. Self is nil
// if the latter is not known.
func NewKubeconfigs(secrets client.Reader, gate *gate.Gate, self *Self) *Kubeconfigs {
	return &Kubeconfigs{secrets: secrets, gate: gate, self: self}
}

// proxyOf returns the proxy that a Cluster's own kubeconfig names, which is behind the gate; nil if it names none.
func (k *Kubeconfigs) proxyOf(cluster client.ObjectKey) Proxy {
	return k.gate.Behind(secretOf(cluster).String())
}

// evict revokes the pass of a Cluster that is gone.
func (k *Kubeconfigs) evict(cluster client.ObjectKey) {
	k.gate.Revoke(secretOf(cluster).String())
}

// secretOf returns the name of a Cluster's kubeconfig Secret.
func secretOf(cluster client.ObjectKey) client.ObjectKey {
	return client.ObjectKey{Namespace: cluster.Namespace, Name: secret.Name(cluster.Name, secret.Kubeconfig)}
}

// Get reads a kubeconfig Secret for clustercache. The error is a RefusedKubeconfigError if its kubeconfig must not be
// used.
func (k *Kubeconfigs) Get(ctx context.Context, key client.ObjectKey, object client.Object, _ ...client.GetOption) error {
	found, ok := object.(*corev1.Secret)
	if !ok {
		return fmt.Errorf("reading %T, which is no kubeconfig Secret", object)
	}
	data, err := k.read(ctx, key)
	if err != nil {
		return err
	}
	runsThere, err := k.self.runsOn(ctx, data)
	if err != nil {
		return err
	}
	cluster, _, err := secret.ParseSecretName(key.Name)
	if err != nil {
		return fmt.Errorf("reading a Secret that holds no kubeconfig: %w", err)
	}
	err = k.clusters.whileExists(ctx, client.ObjectKey{Namespace: key.Namespace, Name: cluster}, func() error {
		if data, err = k.lead(key, data, runsThere); err != nil {
			return &RefusedKubeconfigError{Secret: key.Name, Problem: err}
		}
		return nil
	})
	if err != nil {
		return err
	}
	*found = corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Data:       map[string][]byte{secret.KubeconfigDataName: data},
	}
	return nil
}

// lead returns the kubeconfig with a pass of the gate in the place of its proxy.
func (k *Kubeconfigs) lead(key client.ObjectKey, data []byte, toSelf bool) ([]byte, error) {
	if toSelf {
		var err error
		if data, err = kubeconfig.WithEndpoint(data, k.self.Endpoint); err != nil {
			return nil, err
		}
	}
	server, proxy, err := kubeconfig.ServerOf(data)
	if err != nil {
		return nil, err
	}
	return kubeconfig.WithProxy(data, k.gate.Issue(key.String(), server, proxy))
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
		problem = kubeconfig.Validate(data)
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

// whyDisconnected returns why a Cluster is not connected, as far as the management cluster tells, as a sentence without a period.
// refused is true if that is its kubeconfig, which is not used as it is.
func (k *Kubeconfigs) whyDisconnected(ctx context.Context, cluster *clusterv1.Cluster) (why string, refused bool) {
	name := secretOf(client.ObjectKeyFromObject(cluster))
	_, err := k.read(ctx, name)
	if refusal, ok := errors.AsType[*RefusedKubeconfigError](err); ok {
		return refusal.Error(), true
	}
	switch missing := apierrors.IsNotFound(err); {
	case missing && len(validation.IsValidLabelValue(cluster.Name)) > 0:
		// Cluster API labels whatever it makes for a Cluster with its name, and so do we.
		return fmt.Sprintf("Cluster is not connected: its name has %d characters, and no more than %d fit into the label %s",
			len(cluster.Name), validation.LabelValueMaxLength, clusterv1.ClusterNameLabel), false
	case !ptr.Deref(cluster.Status.Initialization.InfrastructureProvisioned, false):
		return "Cluster is not connected: Cluster API waits for its infrastructure, see its condition InfrastructureReady", false
	case missing:
		return fmt.Sprintf("Cluster is not connected: there is no kubeconfig Secret %s with the label %s, which its control plane provider makes",
			name.Name, clusterv1.ClusterNameLabel), false
	}
	return fmt.Sprintf("Cluster is not connected: check its kubeconfig Secret %s and that its API server answers", name.Name), false
}
