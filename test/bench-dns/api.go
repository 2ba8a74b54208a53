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
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/failover"
)

// startAPI serves the scenario's names as EndpointSlices to a dns-server, which lists and watches
// them. It writes a kubeconfig. A real API server would add its own load to the figures.
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
		for i := range s.slices() {
			list.Items = append(list.Items, s.slice(i))
		}
		send(encoder, list)
		return
	}
	if query.Get("sendInitialEvents") == "true" {
		for i := range s.slices() {
			send(encoder, map[string]any{"type": "ADDED", "object": s.slice(i)})
		}
		end := discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
			ResourceVersion: "1", Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
		}}
		end.APIVersion, end.Kind = "discovery.k8s.io/v1", "EndpointSlice"
		send(encoder, map[string]any{"type": "BOOKMARK", "object": end})
	}
	w.(http.Flusher).Flush()
	s.change(r.Context(), w.(http.Flusher), encoder)
}

// change sends slices that change, until the watch ends.
func (s scenario) change(ctx context.Context, w http.Flusher, encoder *json.Encoder) {
	if s.changes == 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for version := 2; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for range s.changes / 100 {
			if ctx.Err() != nil {
				return
			}
			slice := s.slice(version % s.names)
			slice.ResourceVersion = strconv.Itoa(version)
			slice.Endpoints[0].Addresses[0] = s.address(version)
			send(encoder, map[string]any{"type": "MODIFIED", "object": slice})
			version++
		}
		w.Flush()
	}
}

// send prints an error if the dns-server does not receive an event, because the figures are then
// worthless.
func send(encoder *json.Encoder, value any) {
	if err := encoder.Encode(value); err != nil {
		fmt.Fprintln(os.Stderr, "bench-dns: serving EndpointSlices:", err)
	}
}

// slices returns the number of EndpointSlices.
func (s scenario) slices() int { return s.names * max(1, s.members) }

func (s scenario) slice(i int) discoveryv1.EndpointSlice {
	slice := discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: xccv1.WorkloadNamespace, Name: fmt.Sprintf("slice-%d", i), ResourceVersion: "1",
			// As the manager publishes a gateway: with and without the asterisk, and with a port.
			Annotations: map[string]string{
				xccv1.DNSHostnameAnnotation: s.owner(i), xccv1.AdditionalHostnamesAnnotation: strings.TrimPrefix(s.owner(i), "*."),
			},
		},
		Ports:       []discoveryv1.EndpointPort{{Name: new("https"), Port: new(int32(443))}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{s.address(i)}}},
	}
	if s.isAlias(i) {
		slice.AddressType, slice.Endpoints[0].Addresses[0] = discoveryv1.AddressTypeFQDN, s.target(i)
	}
	if s.members > 0 {
		slice.Annotations[xccv1.GatewayDNSRefAnnotation] = "dev-team/shop"
		slice.Annotations[xccv1.FailoverAnnotation] = failover.Settings{
			Shared: &failover.Share{Hostname: s.shared(i / s.members), Weight: uint16(1 + i%s.members)},
		}.String()
	}
	slice.APIVersion, slice.Kind = "discovery.k8s.io/v1", "EndpointSlice"
	return slice
}
