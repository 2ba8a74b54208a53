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

package addon

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// reconcileCustom creates the ConfigMap that the Corefile imports, if dns-config-patcher reports that it does not exist. The
// report chooses neither the name nor the content.
func (r *Reconciler) reconcileCustom(ctx context.Context, reader client.Reader, remote client.Client) error {
	name := client.ObjectKey{Namespace: xccv1.WorkloadNamespace, Name: xccv1.DNSConfigPatcherName}
	said, err := get(ctx, reader, name, &corev1.ConfigMap{})
	if err != nil || said == nil || report.State(said.Data[report.KeyState]) != report.WaitingForConfigMap {
		return err
	}
	custom := dnsconfig.NewCustom()
	if err := remote.Create(ctx, custom); apierrors.IsAlreadyExists(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("creating ConfigMap %s: %w", klog.KObj(custom), err)
	}
	ctrl.LoggerFrom(ctx).Info("Created the ConfigMap that the Corefile imports", "ConfigMap", klog.KObj(custom))
	return nil
}
