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

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/manager"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/controlplane"
)

const (
	gatewayNamespace, gatewayService = "projectcontour", "envoy"
	endpointSlices                   = "endpointslices"
)

// fleet is a real management cluster with Clusters, all of whose API servers are simulated. Each
// namespace has one GatewayDNS that selects all of its Clusters, and each of these consumes.
type fleet struct {
	client.Client
	simulation  *simulation
	environment *envtest.Environment
	// token is an administrator's of the management cluster.
	token    string
	shape    shape
	labelled bool

	mu sync.Mutex
	// addresses are those of the gateways, by the number of the cluster.
	addresses []string
	changes   int
}

// shape is the number of namespaces and of clusters in each.
type shape struct{ namespaces, clusters int }

func parseShape(text string) (shape, error) {
	var s shape
	if _, err := fmt.Sscanf(text, "%dx%d", &s.namespaces, &s.clusters); err != nil || s.namespaces < 1 || s.clusters < 1 {
		return s, fmt.Errorf("shape %q is not like 10x100, namespaces by clusters", text)
	}
	return s, nil
}

func (s shape) String() string { return fmt.Sprintf("%d x %d", s.namespaces, s.clusters) }
func (s shape) total() int     { return s.namespaces * s.clusters }

// neighbours returns the numbers of the clusters in the namespace of a cluster.
func (s shape) neighbours(number int) []int {
	first := number - number%s.clusters
	var all []int
	for i := range s.clusters {
		all = append(all, first+i)
	}
	return all
}

func (s shape) namespace(number int) string { return fmt.Sprintf("team-%d", number/s.clusters) }
func (s shape) name(number int) string      { return fmt.Sprintf("cluster-%d", number%s.clusters) }

func startFleet(ctx context.Context, shape shape, labelled bool) (*fleet, error) {
	f := &fleet{shape: shape, labelled: labelled, simulation: newSimulation(shape.total()), addresses: make([]string, shape.total())}
	config, err := components.ClusterAPIConfig(ctx)
	if err != nil {
		return nil, err
	}
	if f.environment, err = controlplane.New(ctx); err != nil {
		return nil, err
	}
	f.environment.CRDDirectoryPaths = []string{filepath.Join(config, "crd", "bases"), filepath.Join("config", "crd", "bases")}
	restConfig, err := f.environment.Start()
	if err != nil {
		return nil, fmt.Errorf("starting the management cluster: %w", err)
	}
	restConfig.QPS = -1
	scheme, err := manager.Scheme()
	if err != nil {
		return nil, err
	}
	if f.Client, err = client.New(restConfig, client.Options{Scheme: scheme}); err != nil {
		return nil, fmt.Errorf("connecting to the management cluster: %w", err)
	}
	if f.token, err = f.createToken(ctx); err != nil {
		return f, fmt.Errorf("creating a token: %w", err)
	}
	return f, f.populate(ctx)
}

// createToken returns a token of a ServiceAccount that is an administrator.
func (f *fleet) createToken(ctx context.Context) (string, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "bench"}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "bench"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	}
	for _, object := range []client.Object{account, binding} {
		if err := f.Create(ctx, object); err != nil {
			return "", err
		}
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(24 * 3600))}}
	err := f.SubResource("token").Create(ctx, account, request)
	return request.Status.Token, err
}

func (f *fleet) stop() {
	f.simulation.CloseClientConnections()
	f.simulation.Close()
	_ = f.environment.Stop()
}

// populate creates all objects before the manager starts.
func (f *fleet) populate(ctx context.Context) error {
	for number := range f.shape.total() {
		if err := f.populateWorkload(number); err != nil {
			return err
		}
		if number%f.shape.clusters == 0 {
			if err := f.createNamespace(ctx, f.shape.namespace(number)); err != nil {
				return fmt.Errorf("creating a namespace: %w", err)
			}
		}
		if err := f.createCluster(ctx, number); err != nil {
			return fmt.Errorf("creating Cluster %s: %w", f.shape.name(number), err)
		}
	}
	return nil
}

func (f *fleet) createNamespace(ctx context.Context, name string) error {
	if err := f.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
		return err
	}
	return f.Create(ctx, &xccv1.GatewayDNS{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "gateways"},
		Spec: xccv1.GatewayDNSSpec{
			ClusterSelector: metav1.LabelSelector{MatchLabels: map[string]string{"gateway": "true"}},
			Service:         gatewayNamespace + "/" + gatewayService, ResolutionType: xccv1.ResolutionTypeLoadBalancer,
		},
	})
}

func (f *fleet) createCluster(ctx context.Context, number int) error {
	namespace, name := f.shape.namespace(number), f.shape.name(number)
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["c"] = &clientcmdapi.Cluster{Server: f.simulation.address(number), InsecureSkipTLSVerify: true}
	kubeconfig.Contexts["c"] = &clientcmdapi.Context{Cluster: "c"}
	kubeconfig.CurrentContext = "c"
	encoded, err := clientcmd.Write(*kubeconfig)
	if err != nil {
		return err
	}
	if err := f.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name + "-kubeconfig", Labels: map[string]string{clusterv1.ClusterNameLabel: name},
		},
		Type: clusterv1.ClusterSecretType, Data: map[string][]byte{"value": encoded},
	}); err != nil {
		return err
	}
	labels := map[string]string{"gateway": "true"}
	if f.labelled {
		labels[xccv1.DNSLabel] = xccv1.DNSEnabled
	}
	cluster := &clusterv1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec: clusterv1.ClusterSpec{
			ControlPlaneRef: clusterv1.ContractVersionedObjectReference{APIGroup: "test.xcc", Kind: "ControlPlane", Name: name},
		},
	}
	if err := f.Create(ctx, cluster); err != nil {
		return err
	}
	original := cluster.DeepCopy()
	cluster.Status.Initialization.InfrastructureProvisioned = new(true)
	return f.Status().Patch(ctx, cluster, client.MergeFrom(original))
}

// populateWorkload creates the namespace for records and the gateway.
func (f *fleet) populateWorkload(number int) error {
	namespace := &corev1.Namespace{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: xccv1.WorkloadNamespace},
	}
	if err := f.putWorkload(number, "namespaces", namespace, true); err != nil {
		return err
	}
	return f.setAddress(number, true)
}

// setAddress gives the gateway of a cluster an address that none had before.
func (f *fleet) setAddress(number int, create bool) error {
	f.mu.Lock()
	f.changes++
	address := addressOf(f.changes)
	f.addresses[number] = address
	f.mu.Unlock()
	return f.putWorkload(number, "services", &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: gatewayNamespace, Name: gatewayService},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Name: "https", Port: 443, Protocol: "TCP"}}},
		Status:     corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: address}}}},
	}, create)
}

func addressOf(change int) string {
	return fmt.Sprintf("20.%d.%d.%d", change>>16&255, change>>8&255, change&255)
}

func (f *fleet) putWorkload(number int, resource string, object client.Object, create bool) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	key := client.ObjectKeyFromObject(object).String()
	_, err = f.simulation.clusters[number].put(resource, strings.TrimPrefix(key, "/"), body, create)
	return err
}

// records returns how many slices the clusters hold, and how many they should.
func (f *fleet) records() (held, wanted int) {
	for _, store := range f.simulation.clusters {
		store.mu.Lock()
		held += len(store.kinds[endpointSlices])
		store.mu.Unlock()
	}
	return held, f.shape.total() * f.shape.clusters
}

// verify returns an error unless all records and statuses are as they should be.
func (f *fleet) verify(ctx context.Context) error {
	if err := f.verifyRecords(); err != nil {
		return err
	}
	return f.verifyStatus(ctx)
}

// verifyRecords returns an error unless each cluster has exactly the records of its namespace.
func (f *fleet) verifyRecords() error {
	read := map[string]string{} // The address in the text of a slice: clusters share texts.
	for number, store := range f.simulation.clusters {
		wanted := map[string]bool{}
		for _, neighbour := range f.shape.neighbours(number) {
			wanted[f.shape.name(neighbour)+" "+f.addresses[neighbour]] = true
		}
		if err := verifyCluster(store, wanted, read); err != nil {
			return fmt.Errorf("cluster %s in %s: %w", f.shape.name(number), f.shape.namespace(number), err)
		}
	}
	return nil
}

// verifyCluster returns an error unless a cluster has each wanted record once.
func verifyCluster(store *store, wanted map[string]bool, read map[string]string) error {
	store.mu.Lock()
	defer store.mu.Unlock()
	for _, object := range store.kinds[endpointSlices] {
		record, known := read[object.text]
		if !known {
			var err error
			if record, err = recordOf(object.text); err != nil {
				return err
			}
			read[object.text] = record
		}
		if !wanted[record] {
			return fmt.Errorf("record %q is not wanted, or there twice", record)
		}
		delete(wanted, record)
	}
	if len(wanted) > 0 {
		return fmt.Errorf("%d records are missing", len(wanted))
	}
	return nil
}

// recordOf returns "cluster address" of a slice.
func recordOf(text string) (string, error) {
	slice := &discoveryv1.EndpointSlice{}
	if err := json.Unmarshal([]byte(text), slice); err != nil {
		return "", fmt.Errorf("reading a slice: %w", err)
	}
	labels := strings.Split(slice.Annotations[xccv1.DNSHostnameAnnotation], ".") // *.gateway.cluster-1.team-0.…
	if len(labels) < 4 || len(slice.Endpoints) != 1 || len(slice.Endpoints[0].Addresses) != 1 {
		return "", fmt.Errorf("slice %s is not of one address", slice.Name)
	}
	return labels[2] + " " + slice.Endpoints[0].Addresses[0], nil
}

// verifyStatus returns an error unless the status of each GatewayDNS has the addresses.
func (f *fleet) verifyStatus(ctx context.Context) error {
	for first := 0; first < f.shape.total(); first += f.shape.clusters {
		gatewayDNS := &xccv1.GatewayDNS{}
		if err := f.Get(ctx, client.ObjectKey{Namespace: f.shape.namespace(first), Name: "gateways"}, gatewayDNS); err != nil {
			return fmt.Errorf("reading a GatewayDNS: %w", err)
		}
		shown := map[string]string{}
		for _, gateway := range gatewayDNS.Status.Gateways {
			if gateway.State == xccv1.GatewayResolved && len(gateway.Addresses) == 1 {
				shown[gateway.Cluster] = gateway.Addresses[0]
			}
		}
		if counts := gatewayDNS.Status.Consumers; counts == nil || ptr.Deref(counts.Current, 0) != int32(f.shape.clusters) {
			return fmt.Errorf("status of %s shows other consumers than %d that are up to date", f.shape.namespace(first), f.shape.clusters)
		}
		for _, number := range f.shape.neighbours(first) {
			if shown[f.shape.name(number)] != f.addresses[number] {
				return fmt.Errorf("status of %s in %s shows %q for %q", f.shape.name(number), f.shape.namespace(number), shown[f.shape.name(number)], f.addresses[number])
			}
		}
	}
	return nil
}

// watched returns how many clusters have a watch of their records.
func (f *fleet) watched() int {
	count := 0
	for _, store := range f.simulation.clusters {
		store.mu.Lock()
		for w := range store.watchers {
			if w.resource == endpointSlices {
				count++
				break
			}
		}
		store.mu.Unlock()
	}
	return count
}
