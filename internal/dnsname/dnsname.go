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

package dnsname

import (
	"errors"
	"fmt"
	"strings"
)

const (
	// maxName is the longest name in presentation format without the final dot: 255 octets on the
	// wire (RFC 1035, section 2.3.4) less the length octet of the first label and the root label.
	maxName = 253
	// maxLabel is the longest DNS label in octets (RFC 1035, section 2.3.4).
	maxLabel = 63

	wildcard = "*"
)

// Gateway is the per-cluster name of a gateway:
// "*.<subdomain>.<cluster>.<namespace>.clusters.<zone>". The name is unique: subdomain and
// namespace are one DNS label each, so only the Cluster's name between them can have dots.
type Gateway struct {
	// Subdomain distinguishes the gateways of one Cluster. It is one DNS label.
	Subdomain string
	// Cluster is the name of the gateway's Cluster. It may consist of several DNS labels.
	Cluster string
	// Namespace is the Cluster's namespace on the management cluster. It is one DNS label.
	Namespace string
}

// Hostname returns the gateway's name in the zone, or an error if DNS does not allow the name.
func (g Gateway) Hostname(zone string) (string, error) {
	name := strings.Join([]string{wildcard, g.Subdomain, g.Cluster, g.Namespace, "clusters", zone}, ".")
	return Canonical(name)
}

// Bare returns the name without the wildcard label, or "" if it does not begin with one.
func Bare(hostname string) string {
	bare, ok := strings.CutPrefix(hostname, wildcard+".")
	if !ok {
		return ""
	}
	return bare
}

// Shared is the name of one gateway of several clusters: "*.<name>.<namespace>.gateways.<zone>". It
// never equals the name of a Gateway, which is below "clusters.<zone>".
type Shared struct {
	// Name distinguishes the shared names of a namespace. It is one DNS label.
	Name string
	// Namespace is the namespace of the GatewayDNS on the management cluster. It is one DNS label.
	Namespace string
}

// Hostname returns the shared name in the zone, or an error if DNS does not allow the name.
func (s Shared) Hostname(zone string) (string, error) {
	return Canonical(strings.Join([]string{wildcard, s.Name, s.Namespace, "gateways", zone}, "."))
}

// ParseShared is the inverse of Shared.Hostname. It returns false if the name is not in the zone or
// has another form.
func ParseShared(hostname, zone string) (Shared, bool) {
	labels, ok := labelsBelow(hostname, "gateways."+zone)
	if !ok || len(labels) != 3 || labels[0] != wildcard {
		return Shared{}, false
	}
	return Shared{Name: labels[1], Namespace: labels[2]}, true
}

// ParseGateway is the inverse of Gateway.Hostname. It returns false if the name is not in the zone
// or has another form.
func ParseGateway(hostname, zone string) (Gateway, bool) {
	labels, ok := labelsBelow(hostname, "clusters."+zone)
	last := len(labels) - 1
	if !ok || last < 3 || labels[0] != wildcard {
		return Gateway{}, false
	}
	return Gateway{Subdomain: labels[1], Cluster: strings.Join(labels[2:last], "."), Namespace: labels[last]}, true
}

// labelsBelow returns the DNS labels of the name that precede the suffix, or false if the name is
// invalid or not below the suffix.
func labelsBelow(name, suffix string) ([]string, bool) {
	name, err := Canonical(name)
	if err != nil {
		return nil, false
	}
	name, ok := strings.CutSuffix(name, "."+suffix)
	return strings.Split(name, "."), ok
}

// Canonical returns the name in lower case and without a final dot. It returns an error if the name
// is empty, if the name or a DNS label is too long, or if a DNS label is empty. Only letters,
// digits, hyphens and underscores are allowed, and an asterisk as the first DNS label.
func Canonical(name string) (string, error) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" {
		return "", errors.New("name is empty")
	}
	if len(name) > maxName {
		return "", fmt.Errorf("name %q has %d characters, DNS allows %d", name, len(name), maxName)
	}
	for i, label := range strings.Split(name, ".") {
		if err := validateLabel(label, i == 0); err != nil {
			return "", fmt.Errorf("name %q: %w", name, err)
		}
	}
	return name, nil
}

func validateLabel(label string, first bool) error {
	switch {
	case label == "":
		return errors.New("a DNS label is empty")
	case len(label) > maxLabel:
		return fmt.Errorf("DNS label %q has %d characters, DNS allows %d", label, len(label), maxLabel)
	case label == wildcard && first:
		return nil
	}
	for _, c := range []byte(label) {
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return fmt.Errorf("DNS label %q has the character %q; letters, digits, hyphens and underscores are allowed", label, c)
		}
	}
	return nil
}

// InZone returns whether the name is the zone's apex or below it. Both must be canonical.
func InZone(name, zone string) bool {
	return name == zone || strings.HasSuffix(name, "."+zone)
}
