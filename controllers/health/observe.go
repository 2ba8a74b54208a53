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

package health

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// observe reads what the condition is computed from. It never waits for the workload cluster.
func (r *Reconciler) observe(ctx context.Context, cluster *clusterv1.Cluster, memory *memory) (*observation, error) {
	o := &observation{
		now:         time.Now(),
		conflict:    cluster.Annotations[xccv1.ConflictAnnotation],
		labelled:    cluster.Labels[xccv1.DNSLabel] == xccv1.DNSEnabled,
		initialized: isInitialized(cluster),
	}
	payload, err := get[corev1.Secret](ctx, r.Client, cluster.Namespace, cluster.Name+xccv1.PayloadSuffix)
	if err != nil {
		return nil, err
	}
	if payload != nil && install.OwnsPayload(cluster, payload) {
		o.payload, o.state = payload.Name, install.Load(payload)
	}
	if !o.labelled && o.payload == "" {
		return o, nil
	}
	reader, err := r.Workload.Reader(ctx, cluster,
		workload.Watch{Name: "health-deployments", Object: &appsv1.Deployment{}},
		workload.Watch{Name: "health-configmaps", Object: &corev1.ConfigMap{}},
		workload.Watch{Name: "health-leases", Object: &coordinationv1.Lease{}},
	)
	if silence, isSilent := errors.AsType[*workload.Silence](err); isSilent {
		o.observeSilence(silence)
		return o, nil
	} else if err != nil {
		return nil, err
	}
	o.version = r.Workload.KubernetesVersion(ctx, cluster)
	return o, r.observeWorkload(ctx, reader, o, memory)
}

// observeSilence notes why the cluster cannot be read.
func (o *observation) observeSilence(silence *workload.Silence) {
	const effect = "Pods there resolve what they resolved before"
	switch {
	case errors.Is(silence, workload.ErrBeyondBudget):
		o.silent = sentences(silence.Why, effect)
		return
	case silence.IsRefused:
		o.refused = silence.Why
		return
	case silence.Why != "":
		o.silent = silence.Why + ". " + effect
	default:
		o.silent = "The cluster is connected and does not list its objects: check its API server. " + effect
	}
	o.patientUntil = silence.PatientUntil()
}

func (r *Reconciler) observeWorkload(ctx context.Context, reader client.Reader, o *observation, memory *memory) error {
	var err error
	if o.dnsServer, err = get[appsv1.Deployment](ctx, reader, xccv1.WorkloadNamespace, xccv1.DNSServerName); err != nil {
		return err
	}
	if o.patcher, err = get[appsv1.Deployment](ctx, reader, xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName); err != nil {
		return err
	}
	configMap, err := get[corev1.ConfigMap](ctx, reader, xccv1.WorkloadNamespace, xccv1.DNSConfigPatcherName)
	if err != nil {
		return err
	}
	if configMap != nil {
		o.report = configMap.Data
	}
	lease, err := get[coordinationv1.Lease](ctx, reader, xccv1.WorkloadNamespace, xccv1.ProbeLeaseName)
	if err != nil {
		return err
	}
	if lease == nil {
		memory.lease = nil
	} else {
		memory.lease = memory.lease.next(lease, o.now)
	}
	o.lease = memory.lease
	return nil
}

// get returns an object, and nil if there is none.
func get[T any, P interface {
	*T
	client.Object
}](ctx context.Context, reader client.Reader, namespace, name string,
) (P, error) {
	object := P(new(T))
	err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
	if apierrors.IsNotFound(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading %T %s/%s: %w", object, namespace, name, err)
	}
	return object, nil
}
