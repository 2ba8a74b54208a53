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
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
)

// startAPI serves the scenario's names as EndpointSlices, to a dns-server that lists and then watches what never changes, and
// writes a kubeconfig. A real API server would measure itself.
func startAPI(s scenario, kubeconfig string) (stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"x","clusters":[{"name":"x","cluster":{"server":"http://%s"}}],`+
		`"contexts":[{"name":"x","context":{"cluster":"x"}}]}`, listener.Addr())
	if err := os.WriteFile(kubeconfig, []byte(config), 0o600); err != nil {
		return nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(s.serveSlices), ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

func (s scenario) serveSlices(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	encoder := json.NewEncoder(w)
	if query.Get("watch") == "" {
		list := discoveryv1.EndpointSliceList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}}
		list.APIVersion, list.Kind = "discovery.k8s.io/v1", "EndpointSliceList"
		for i := range s.names {
			list.Items = append(list.Items, s.slice(i))
		}
		_ = encoder.Encode(list)
		return
	}
	if query.Get("sendInitialEvents") == "true" {
		for i := range s.names {
			_ = encoder.Encode(map[string]any{"type": "ADDED", "object": s.slice(i)})
		}
		end := discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: "1", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}}
		end.APIVersion, end.Kind = "discovery.k8s.io/v1", "EndpointSlice"
		_ = encoder.Encode(map[string]any{"type": "BOOKMARK", "object": end})
	}
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func (s scenario) slice(i int) discoveryv1.EndpointSlice {
	slice := discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: xccv1.WorkloadNamespace, Name: fmt.Sprintf("slice-%d", i), ResourceVersion: "1",
			Annotations: map[string]string{xccv1.DNSHostnameAnnotation: s.owner(i)},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{s.address(i)}}},
	}
	if s.isAlias(i) {
		slice.AddressType, slice.Endpoints[0].Addresses[0] = discoveryv1.AddressTypeFQDN, s.target(i)
	}
	slice.APIVersion, slice.Kind = "discovery.k8s.io/v1", "EndpointSlice"
	return slice
}
