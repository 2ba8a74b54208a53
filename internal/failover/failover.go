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

package failover

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsname"
)

// Protocol is the protocol of a probe.
type Protocol string

// The protocols.
const (
	TCP   Protocol = "TCP"
	HTTP  Protocol = "HTTP"
	HTTPS Protocol = "HTTPS"
)

// Settings are the content of the annotation.
type Settings struct {
	// Shared is nil if the gateway has no part in a shared name.
	Shared *Share `json:"shared,omitempty"`
	// HealthCheck is nil if the gateway is not probed.
	HealthCheck *HealthCheck `json:"healthCheck,omitempty"`
}

// Share is the part of a gateway in a shared name, for one consuming cluster.
type Share struct {
	// Hostname is the shared name: canonical, with the wildcard "*." first.
	Hostname string `json:"hostname"`
	// Rank orders the gateways of the name, lower first.
	Rank uint32 `json:"rank"`
	// Weight is the share of answers among gateways of one rank (RFC 2782).
	Weight uint16 `json:"weight"`
}

// HealthCheck describes the probes of a gateway. Durations are nanoseconds in JSON.
type HealthCheck struct {
	Protocol Protocol `json:"protocol"`
	// Port is never 0: a gateway without a port has no HealthCheck.
	Port uint16 `json:"port"`
	// Path and Host are those of an HTTP or HTTPS request. They are empty for TCP.
	Path string `json:"path,omitempty"`
	Host string `json:"host,omitempty"`
	// Interval is the time between two probes of an address, MinInterval to MaxInterval.
	Interval time.Duration `json:"interval"`
	// Timeout is the longest time of a probe, MinTimeout to Interval.
	Timeout time.Duration `json:"timeout"`
	// FailureThreshold and SuccessThreshold are the numbers of consecutive results that change the
	// verdict, 1 to MaxThreshold.
	FailureThreshold int `json:"failureThreshold"`
	SuccessThreshold int `json:"successThreshold"`
	// ReportOnly means that verdicts do not change answers.
	ReportOnly bool `json:"reportOnly,omitempty"`
}

// The limits of a HealthCheck. They are those of the schema of a GatewayDNS.
const (
	MinInterval  = time.Second
	MaxInterval  = 5 * time.Minute
	MinTimeout   = 100 * time.Millisecond
	MaxTimeout   = 30 * time.Second
	MaxThreshold = 10
	// MaxRank is the highest rank: 65,536 priorities with as many localities as nearest needs.
	MaxRank = 65536*localities - 1

	maxPath = 512
	// maxText is the longest annotation in bytes: two names, a path with each character escaped,
	// and the numbers.
	maxText = 2*253 + 6*maxPath + 512
)

// localities is the number of ranks within a priority: a cluster's own gateway, and zero to four
// leading labels in common.
const localities = 6

// Rank returns the rank of a gateway in a consuming cluster: its priority, then its locality. isOwn
// means that the gateway is in the consuming cluster. inCommon is the number of leading labels, 0 to
// 4, that the two clusters have in common.
func Rank(priority uint16, isOwn bool, inCommon int) uint32 {
	nearest := localities - 1 - min(max(inCommon, 0), localities-2)
	if isOwn {
		nearest = 0
	}
	return uint32(priority)*localities + uint32(nearest)
}

// String returns the annotation, or "" if there is nothing to say.
func (s Settings) String() string {
	if s.Shared == nil && s.HealthCheck == nil {
		return ""
	}
	text, err := json.Marshal(s)
	if err != nil {
		return "" // These types always marshal.
	}
	return string(text)
}

// Parse is the inverse of String. It returns the valid parts, and an error that describes the
// others. It does not check that the names are in a zone.
func Parse(text string) (Settings, error) {
	if text == "" {
		return Settings{}, nil
	}
	if len(text) > maxText {
		return Settings{}, fmt.Errorf("it has %d bytes, %d are allowed", len(text), maxText)
	}
	var s Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Settings{}, fmt.Errorf("it is not JSON of the expected form: %w", err)
	}
	var errs []error
	if s.Shared != nil {
		if err := s.Shared.validate(); err != nil {
			s.Shared = nil
			errs = append(errs, fmt.Errorf("shared: %w", err))
		}
	}
	if s.HealthCheck != nil {
		if err := s.HealthCheck.validate(); err != nil {
			s.HealthCheck = nil
			errs = append(errs, fmt.Errorf("healthCheck: %w", err))
		}
	}
	return s, errors.Join(errs...)
}

func (s *Share) validate() error {
	name, err := dnsname.Canonical(s.Hostname)
	switch {
	case err != nil:
		return err
	case name != s.Hostname || dnsname.Bare(name) == "":
		return fmt.Errorf("hostname %q is not a canonical wildcard", s.Hostname)
	case s.Rank > MaxRank:
		return fmt.Errorf("rank %d is more than %d", s.Rank, MaxRank)
	}
	return nil
}

func (h *HealthCheck) validate() error {
	isHTTP := h.Protocol == HTTP || h.Protocol == HTTPS
	switch {
	case h.Protocol != TCP && !isHTTP:
		return fmt.Errorf("protocol %q is not TCP, HTTP or HTTPS", h.Protocol)
	case h.Port == 0:
		return errors.New("port is missing")
	case h.Interval < MinInterval || h.Interval > MaxInterval:
		return fmt.Errorf("interval %s is not %s to %s", h.Interval, MinInterval, MaxInterval)
	case h.Timeout < MinTimeout || h.Timeout > min(h.Interval, MaxTimeout):
		return fmt.Errorf("timeout %s is not %s to %s", h.Timeout, MinTimeout, min(h.Interval, MaxTimeout))
	case h.FailureThreshold < 1 || h.FailureThreshold > MaxThreshold || h.SuccessThreshold < 1 || h.SuccessThreshold > MaxThreshold:
		return fmt.Errorf("thresholds %d and %d are not 1 to %d", h.FailureThreshold, h.SuccessThreshold, MaxThreshold)
	case !isHTTP && (h.Path != "" || h.Host != ""):
		return errors.New("path and host need HTTP or HTTPS")
	case !isHTTP:
		return nil
	}
	return h.validateRequest()
}

// validateRequest checks the parts of an HTTP request, so that the request cannot contain another header.
func (h *HealthCheck) validateRequest() error {
	if len(h.Path) == 0 || len(h.Path) > maxPath || h.Path[0] != '/' {
		return fmt.Errorf("path has %d bytes, or does not begin with /", len(h.Path))
	}
	for _, c := range []byte(h.Path) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("path has the character %q", c)
		}
	}
	if name, err := dnsname.Canonical(h.Host); err != nil || name != h.Host || dnsname.Bare(name) != "" {
		return fmt.Errorf("host %q is not a canonical name", h.Host)
	}
	return nil
}
