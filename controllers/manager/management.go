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
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/support"
)

// checkTimeout is how long each question about the management cluster may take. It is asked at the start, before anything works.
const checkTimeout = 10 * time.Second

// checkManagement returns an error if the management cluster does not have the APIs of Cluster API that the manager uses, which the
// versions with the contract v1beta2 serve. It says in the log if the management cluster's Kubernetes is not supported, and goes on:
// it may work. What cannot be asked is passed over, because whoever may not ask may still be able to do everything else.
func checkManagement(ctx context.Context, config *rest.Config) error {
	log := klog.FromContext(ctx)
	config = rest.CopyConfig(config)
	config.Timeout = checkTimeout
	discoverer, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("setting up discovery of the management cluster: %w", err)
	}
	running, err := discoverer.ServerVersion()
	if err != nil {
		log.Info("The version of the management cluster is not known", "reason", err.Error())
	} else if unsupported := support.OfManagement(running.GitVersion); unsupported != "" {
		log.Info(unsupported)
	}
	for _, needed := range []string{clusterv1.GroupVersion.String(), addonsv1.GroupVersion.String()} {
		_, err := discoverer.ServerResourcesForGroupVersion(needed)
		if apierrors.IsNotFound(err) {
			return fmt.Errorf("the management cluster does not serve %s: install Cluster API %s or newer, with the contract v1beta2",
				needed, support.ClusterAPI.Oldest)
		} else if err != nil {
			log.Info("Whether the management cluster has what is needed of Cluster API is not known", "version", needed, "reason", err.Error())
		}
	}
	return nil
}
