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

package records

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// readPorts turns each named port into a service, as Kubernetes' own DNS does.
func (s *Slice) readPorts(ports []discoveryv1.EndpointPort) {
	for _, port := range ports {
		if port.Name == nil || *port.Name == "" || port.Port == nil {
			continue
		}
		service, err := parsePort(port, s.hostname)
		if err != nil {
			s.reject(InvalidPort, err.Error())
			continue
		}
		s.services = append(s.services, service)
	}
	s.services = sorted(s.services)
}

func parsePort(port discoveryv1.EndpointPort, hostname string) (zone.Service, error) {
	protocol := corev1.ProtocolTCP
	if port.Protocol != nil {
		protocol = *port.Protocol
	}
	switch protocol {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
	default:
		return zone.Service{}, fmt.Errorf("the port %s has the protocol %q", *port.Name, protocol)
	}
	if *port.Port < 1 || *port.Port > math.MaxUint16 {
		return zone.Service{}, fmt.Errorf("the port %s is %d", *port.Name, *port.Port)
	}
	prefix := strings.ToLower(fmt.Sprintf("_%s._%s", *port.Name, protocol))
	if strings.Count(prefix, ".") > 1 {
		return zone.Service{}, fmt.Errorf("the port's name %q is more than one DNS label", *port.Name)
	}
	if _, err := dnsname.Canonical(prefix + "." + strings.TrimPrefix(hostname, "*.")); err != nil {
		return zone.Service{}, err
	}
	return zone.Service{Prefix: prefix, Port: uint16(*port.Port)}, nil
}

// sorted sorts the services and removes duplicates.
func sorted(services []zone.Service) []zone.Service {
	slices.SortFunc(services, func(a, b zone.Service) int {
		return cmp.Or(strings.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Priority, b.Priority), strings.Compare(a.Target, b.Target),
			cmp.Compare(a.Port, b.Port))
	})
	return slices.Compact(services)
}
