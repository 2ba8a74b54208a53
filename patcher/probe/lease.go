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

package probe

import (
	"context"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// manager names this program in the managed fields of the Lease.
const manager = "dns-config-patcher"

// lease is the Lease that says when names resolved last.
type lease struct {
	client   dynamic.ResourceInterface
	duration time.Duration
	// known is the Lease as it was written or read last, nil if it is not known.
	known *unstructured.Unstructured
}

func newLease(config *rest.Config, namespace string, duration time.Duration) (*lease, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	leases := schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	return &lease{client: client.Resource(leases).Namespace(namespace), duration: duration}, nil
}

// renew says that names resolve now.
func (l *lease) renew(ctx context.Context, now time.Time) error {
	if l.known == nil {
		if err := l.read(ctx); err != nil {
			return fmt.Errorf("reading the Lease %s: %w", xccv1.ProbeLeaseName, err)
		}
	}
	object := l.known.DeepCopy()
	if object == nil {
		object = &unstructured.Unstructured{Object: map[string]any{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}}
		object.SetName(xccv1.ProbeLeaseName)
	}
	spec := map[string]any{
		"holderIdentity": holder(), "leaseDurationSeconds": int64(l.duration.Seconds()),
		"renewTime": now.UTC().Format(metav1.RFC3339Micro),
	}
	if err := unstructured.SetNestedMap(object.Object, spec, "spec"); err != nil {
		return fmt.Errorf("filling the Lease %s: %w", xccv1.ProbeLeaseName, err)
	}
	var err error
	if l.known == nil {
		object, err = l.client.Create(ctx, object, metav1.CreateOptions{FieldManager: manager})
	} else {
		object, err = l.client.Update(ctx, object, metav1.UpdateOptions{FieldManager: manager})
	}
	if err != nil {
		l.known = nil // Somebody else wrote or deleted it: it is read again.
		return fmt.Errorf("writing the Lease %s: %w", xccv1.ProbeLeaseName, err)
	}
	l.known = object
	return nil
}

// read leaves nil when there is no Lease.
func (l *lease) read(ctx context.Context) error {
	object, err := l.client.Get(ctx, xccv1.ProbeLeaseName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	l.known = object
	return nil
}

// holder is the Pod's name.
func holder() string {
	name, err := os.Hostname()
	if err != nil {
		return manager
	}
	return name
}
