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

package resolve

import (
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/fit"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

// addresses collects what was found of a gateway.
type addresses struct {
	usable []string
	// refused are addresses that must not be published, each with why; remarks are what else is to be said.
	refused, remarks []string
}

func (f *addresses) addIP(address string) {
	f.add(address, func() (string, string) { return usableIP(address) })
}

func (f *addresses) addHostname(name, zone string) {
	f.add(name, func() (string, string) { return usableHostname(name, zone) })
}

// addAny adds what is an IP address or a host name.
func (f *addresses) addAny(address, zone string) {
	if _, err := netip.ParseAddr(address); err == nil {
		f.addIP(address)
		return
	}
	f.addHostname(address, zone)
}

func (f *addresses) add(address string, check func() (usable, reason string)) {
	usable, reason := check()
	if reason != "" {
		f.refused = append(f.refused, fmt.Sprintf("%s is %s", fit.Quoted(address), reason))
		return
	}
	f.usable = append(f.usable, usable)
}

// usableHostname returns the name in lower case without a final dot, or why an EndpointSlice must not hold it.
func usableHostname(name, zone string) (usable, reason string) {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	last := name[strings.LastIndexByte(name, '.')+1:]
	// A name that ends in a number is an address that somebody mistyped: no top-level domain is one (RFC 3696, section 2).
	isNumber := strings.Trim(last, "0123456789") == ""
	if problems := validation.IsFullyQualifiedDomainName(field.NewPath("hostname"), name); len(problems) > 0 || isNumber {
		return "", "not a fully qualified host name"
	}
	if dnsname.InZone(name, zone) {
		return "", "inside the zone " + zone + " that is served here, so that it would lead to itself"
	}
	return name, ""
}

// usableIP returns the address in its canonical form, or why an EndpointSlice must not hold it.
func usableIP(address string) (usable, reason string) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "", "not an IP address"
	}
	if reason := (netaddr.Judge{}).Refuse(ip); reason != "" {
		return "", reason
	}
	return ip.Unmap().String(), ""
}
