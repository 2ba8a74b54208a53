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

package templates

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

//go:embed *.yaml
var manifests embed.FS

const (
	// maxTTL is the highest TTL that dns-server accepts, in seconds.
	maxTTL = 86400
	// maxZone bounds the zone, so that a gateway's name with a Cluster and a namespace of usual length fits into the 253
	// characters of a DNS name.
	maxZone = 100
	// DefaultPriorityClass is the class in the manifests. CoreDNS has it too in kubeadm's manifests, and a name resolves only
	// while both run.
	DefaultPriorityClass = "system-cluster-critical"
)

// Values are the administrator's options for the add-on in workload clusters.
type Values struct {
	// Zone is the served DNS zone, for example "xcc.test".
	Zone string
	// Image is the reference of the image with dns-server and dns-config-patcher.
	Image string
	// ImagePullSecret is the name of the image pull Secret in the namespace xcc-dns; none if empty.
	ImagePullSecret string
	// Replicas is the number of dns-servers; at least 1.
	Replicas int32
	// TTL is the time to live of the records in seconds; from 0 to a day.
	TTL int32
	// DenyAddresses are address ranges that the dns-servers do not serve, as CIDRs.
	DenyAddresses []string
	// Tolerations are added to those of the manifests.
	Tolerations []corev1.Toleration
	// NodeSelector is added to that of the manifests.
	NodeSelector map[string]string
	// PriorityClass is the name of the Pods' PriorityClass, which must exist in the workload cluster. If it is empty, the Pods
	// have the default priority of that cluster.
	PriorityClass string
	// Resources replaces the resources of the dns-server's container, unless it is nil.
	Resources *corev1.ResourceRequirements
	// ClusterDNS lists the CoreDNS that dns-config-patcher configures. It has rights on their ConfigMaps only.
	ClusterDNS corefile.Choice
}

// Validate returns an error that names each invalid value.
func (v Values) Validate() error {
	var errs []error
	zone, err := dnsname.Canonical(v.Zone)
	if err != nil || zone != v.Zone || strings.HasPrefix(zone, "*") || len(zone) > maxZone {
		errs = append(errs, fmt.Errorf("zone %q must be a DNS name in lower case of at most %d characters, without a wildcard and without a final dot, "+
			"for example %s", v.Zone, maxZone, xccv1.DefaultZone))
	}
	if v.Image == "" {
		errs = append(errs, errors.New("image must not be empty"))
	}
	if v.Replicas < 1 {
		errs = append(errs, fmt.Errorf("replicas is %d, it must be at least 1", v.Replicas))
	}
	if v.TTL < 0 || v.TTL > maxTTL {
		errs = append(errs, fmt.Errorf("TTL is %d s, it must be from 0 to %d", v.TTL, maxTTL))
	}
	for _, text := range v.DenyAddresses {
		if _, err := netaddr.ParseRange(text); err != nil {
			errs = append(errs, fmt.Errorf("denied addresses: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Render returns the manifests with the values filled in, as one YAML stream. The same values give the same bytes.
func Render(values Values) ([]byte, error) {
	objects, err := Objects(values)
	if err != nil {
		return nil, err
	}
	return utilyaml.FromUnstructured(objects)
}

// Objects returns the manifests with the values filled in, in the order of the files.
func Objects(values Values) ([]unstructured.Unstructured, error) {
	objects, err := parse()
	if err != nil {
		return nil, err
	}
	if !values.ClusterDNS.IsZero() {
		if objects, err = grant(objects, values.ClusterDNS.ConfigMaps()); err != nil {
			return nil, err
		}
	}
	filled := objects[:0]
	for _, object := range objects {
		switch object.GetKind() {
		case "Deployment":
			err = fill(&object, &appsv1.Deployment{}, func(deployment *appsv1.Deployment) { setDeployment(deployment, values) })
		case "ResourceQuota":
			if values.PriorityClass == "" {
				continue
			}
			err = fill(&object, &corev1.ResourceQuota{}, func(quota *corev1.ResourceQuota) { setQuota(quota, values) })
		}
		if err != nil {
			return nil, fmt.Errorf("filling in %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		filled = append(filled, object)
	}
	return filled, nil
}

func parse() ([]unstructured.Unstructured, error) {
	names, err := fs.Glob(manifests, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing manifests: %w", err)
	}
	var objects []unstructured.Unstructured
	for _, name := range names {
		data, err := manifests.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading manifest %s: %w", name, err)
		}
		parsed, err := utilyaml.ToUnstructured(data)
		if err != nil {
			return nil, fmt.Errorf("parsing manifest %s: %w", name, err)
		}
		objects = append(objects, parsed...)
	}
	return objects, nil
}

// fill converts an object to its type, sets values in it, and converts it back.
func fill[T any](object *unstructured.Unstructured, typed *T, set func(*T)) error {
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		return err
	}
	set(typed)
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return err
	}
	object.Object = content
	unstructured.RemoveNestedField(object.Object, "status")
	return nil
}

// setQuota names the quota after the chosen class and selects that class.
func setQuota(quota *corev1.ResourceQuota, values Values) {
	quota.Name = values.PriorityClass
	quota.Spec.ScopeSelector.MatchExpressions[0].Values = []string{values.PriorityClass}
}

func setDeployment(deployment *appsv1.Deployment, values Values) {
	pod := &deployment.Spec.Template.Spec
	container := &pod.Containers[0]
	container.Image = values.Image
	for i := range pod.InitContainers {
		pod.InitContainers[i].Image = values.Image
	}
	container.Args = append(container.Args, "--zone="+values.Zone)
	if deployment.Name == xccv1.DNSConfigPatcherName && !values.ClusterDNS.IsZero() {
		container.Args = append(container.Args, "--cluster-dns="+values.ClusterDNS.String())
	}
	if deployment.Name == xccv1.DNSServerName {
		deployment.Spec.Replicas = &values.Replicas
		container.Args = append(container.Args, "--ttl="+strconv.Itoa(int(values.TTL)))
		if len(values.DenyAddresses) > 0 {
			container.Args = append(container.Args, "--deny-addresses="+strings.Join(values.DenyAddresses, ","))
		}
		if values.Resources != nil {
			container.Resources = *values.Resources
		}
	}
	if values.ImagePullSecret != "" {
		pod.ImagePullSecrets = []corev1.LocalObjectReference{{Name: values.ImagePullSecret}}
	}
	pod.Tolerations = append(pod.Tolerations, values.Tolerations...)
	maps.Copy(pod.NodeSelector, values.NodeSelector)
	pod.PriorityClassName = values.PriorityClass
}
