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

package controller

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
)

const (
	kubeDNSName    = "kube-dns"
	openShiftGroup = "operator.openshift.io"
	// autoModeGroup has the kinds by which EKS Auto Mode is configured.
	autoModeGroup = "eks.amazonaws.com"
)

// otherDNS returns a sentence about what serves cluster DNS when no configuration of CoreDNS was found, and nothing if it is not
// known. A failure is not worth more: the sentence is for people.
func (c *Controller) otherDNS(ctx context.Context) string {
	_, err := c.client.Resource(deployments).Namespace(corefile.Namespace).Get(ctx, kubeDNSName, metav1.GetOptions{})
	if err == nil {
		return "cluster DNS is kube-dns, which is not supported: add the zone and the DNS server's ClusterIP to stubDomains in its ConfigMap kube-system/kube-dns"
	}
	groups, err := apiGroups(ctx, c.config)
	switch {
	case err != nil:
	case slices.Contains(groups, openShiftGroup):
		return "cluster DNS is configured by OpenShift's operator, which is not supported: add the zone and the DNS server's ClusterIP to spec.servers of dns.operator/default"
	case slices.Contains(groups, autoModeGroup):
		return "this is EKS Auto Mode, which runs CoreDNS outside of Kubernetes on each node, with no ConfigMap: its DNS cannot be configured to forward a zone"
	}
	return ""
}

// apiGroups returns the names of the API groups of the cluster, which every ServiceAccount may list.
func apiGroups(ctx context.Context, config *rest.Config) ([]string, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("/apis").String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var list metav1.APIGroupList
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, err
	}
	var names []string
	for _, group := range list.Groups {
		names = append(names, group.Name)
	}
	return names, nil
}
