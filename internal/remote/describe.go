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

package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// maxText is how much of a Status's message is quoted, in bytes. The messages of kube-apiserver for
// our objects are shorter, unless an object has many invalid fields.
const maxText = 256

// Public is an error whose text contains nothing of a server's response. Describe returns it in
// full.
type Public interface {
	error
	// IsPublic marks the error.
	IsPublic()
}

// Error is a Public error with a constant text.
type Error string

func (e Error) Error() string { return string(e) }

// IsPublic marks the error.
func (e Error) IsPublic() {}

// Describe returns the public part of an error of a request to an untrusted API server. It quotes
// the message of a Status, shortened and without control characters. It quotes no other text of a
// server, because the kubeconfig's author could point the manager at any service that it can reach.
// Other errors are described by their class.
func Describe(err error) string {
	if err == nil {
		return ""
	}
	for _, describe := range []func(error) string{describePublic, describeStatus, describeNetwork, describeTLS, describeTimeout} {
		if text := describe(err); text != "" {
			return text
		}
	}
	return "API server sent a response that cannot be parsed"
}

// Safe returns an error whose text is that of Describe. errors.Is and errors.As still find the
// original error. It returns nil for nil.
func Safe(err error) error {
	if err == nil {
		return nil
	}
	return &safe{text: Describe(err), cause: err}
}

type safe struct {
	text  string
	cause error
}

func (s *safe) Error() string { return s.text }
func (s *safe) Unwrap() error { return s.cause }

func describePublic(err error) string {
	var described *safe
	var public Public
	switch {
	case errors.As(err, &described):
		return described.text
	case errors.As(err, &public):
		return public.Error()
	}
	return ""
}

func describeStatus(err error) string {
	var response apierrors.APIStatus
	if !errors.As(err, &response) {
		return ""
	}
	status := response.Status()
	if !isUnexpected(status) {
		if text := Shorten(status.Message); text != "" {
			return text
		}
	}
	if isUnexpected(status) && status.Code == http.StatusNotFound {
		// kube-apiserver itself responds like this to a request for a kind that is not installed.
		return "the server could not find the requested resource"
	}
	text := fmt.Sprintf("API server responded with status %d", status.Code)
	if name := http.StatusText(int(status.Code)); name != "" {
		text += " (" + name + ")"
	}
	if isUnexpected(status) {
		text += " and without a Kubernetes Status: check that the address is that of an API server"
	}
	return text
}

// isUnexpected returns whether client-go created the Status for a response without one.
func isUnexpected(status metav1.Status) bool {
	if status.Details == nil {
		return false
	}
	for _, cause := range status.Details.Causes {
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
			return true
		}
	}
	return false
}

func describeNetwork(err error) string {
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup):
		return "host name of the API server cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "API server refused the connection"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to the API server"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "API server closed the connection"
	}
	return ""
}

func describeTLS(err error) string {
	var untrusted *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &untrusted), errors.As(err, &unknown):
		return "certificate of the API server is not trusted by the kubeconfig, or is for another address"
	case errors.As(err, &record), errors.As(err, &alert):
		return "TLS connection to the API server cannot be set up"
	}
	return ""
}

func describeTimeout(err error) string {
	var network net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "request was canceled before the API server responded"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "API server did not respond in time"
	}
	return ""
}

// Shorten returns an untrusted text as one line of at most 256 bytes, without control characters.
func Shorten(untrusted string) string { return text.Line(untrusted, maxText) }
