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

package corefile

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// Withdraw takes the zones' server blocks out of the configuration of a cluster's CoreDNS, as the Controller does when it
// is asked to. It is for a cluster in which the Controller cannot run; where it does, it would put them back. It returns whether it wrote
// something, and an error that wraps corefile.ErrUnsupported for what somebody has to take out by hand. A conflict with another writer
// is an error, too: call it again.
func Withdraw(ctx context.Context, config *rest.Config, options Options) (bool, error) {
	client, err := newClient(config)
	if err != nil {
		return false, err
	}
	c := &Controller{client: client}
	get := func(resource schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
		object, err := client.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return object, err
	}
	o := observation{wish: remove, configMaps: map[string]*unstructured.Unstructured{}}
	var errs []error
	o.service, err = get(services, options.Namespace, xccv1.DNSServerName)
	errs = append(errs, err)
	o.memory, err = get(configMaps, options.Namespace, xccv1.DNSConfigPatcherName)
	errs = append(errs, err)
	for _, name := range corefile.ConfigMaps() {
		o.configMaps[name], err = get(configMaps, corefile.Namespace, name)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return false, fmt.Errorf("reading the configuration of CoreDNS: %w", err)
	}
	plan := corefile.Uninstall(o.cluster(), corefile.Settings{
		Zones: options.Zones, ClusterIPs: clusterIPsOf(o.service), Written: dataOf(o.memory)[report.KeyWritten],
	})
	for _, edit := range plan.Edits {
		if err := c.apply(ctx, o.configMaps[edit.ConfigMap], edit); err != nil {
			return false, fmt.Errorf("writing the ConfigMap %s/%s: %w", corefile.Namespace, edit.ConfigMap, err)
		}
	}
	return len(plan.Edits) > 0, plan.Err
}
