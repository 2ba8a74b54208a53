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

// maxText is how long the text of a Status may be, in bytes. Those of kube-apiserver for our objects are shorter,
// except when an object has many invalid fields. The first ones say enough.
const maxText = 256

// Public is an error whose text is our own, so that it can be told in full.
type Public interface {
	error
	// IsPublic marks the error.
	IsPublic()
}

// Error is a Public error that is a text.
type Error string

func (e Error) Error() string { return string(e) }

// IsPublic marks the error.
func (e Error) IsPublic() {}

// Describe returns the public part of an error of a request to an API server that is not trusted. The text of a
// Status is quoted, shortened and without control characters. No other text of a server is, because it may come from
// any service that the manager can reach: such an error is named by its class.
func Describe(err error) string {
	if err == nil {
		return ""
	}
	for _, describe := range []func(error) string{own, status, network, certificate, timing} {
		if text := describe(err); text != "" {
			return text
		}
	}
	return "API server gives an answer that cannot be understood"
}

// Safe returns an error whose text is Describe's, and which is the same for errors.Is and errors.As. It returns nil
// for nil.
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

func own(err error) string {
	var said *safe
	var ours Public
	switch {
	case errors.As(err, &said):
		return said.text
	case errors.As(err, &ours):
		return ours.Error()
	}
	return ""
}

func status(err error) string {
	var answered apierrors.APIStatus
	if !errors.As(err, &answered) {
		return ""
	}
	status := answered.Status()
	if !isUnexpected(status) {
		if text := Shorten(status.Message); text != "" {
			return text
		}
	}
	if isUnexpected(status) && status.Code == http.StatusNotFound {
		// kube-apiserver itself answers so for a kind that is not installed.
		return "the server could not find the requested resource"
	}
	text := fmt.Sprintf("API server answers with status %d", status.Code)
	if name := http.StatusText(int(status.Code)); name != "" {
		text += " (" + name + ")"
	}
	if isUnexpected(status) {
		text += " and no Status of Kubernetes: check that the address is that of an API server"
	}
	return text
}

// isUnexpected returns whether client-go made up the Status for a response that has none.
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

func network(err error) string {
	var lookup *net.DNSError
	switch {
	case errors.As(err, &lookup):
		return "host name of the API server cannot be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "API server refuses the connection"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to the API server"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "API server closed the connection"
	}
	return ""
}

func certificate(err error) string {
	var untrusted *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &untrusted), errors.As(err, &unknown):
		return "certificate of the API server is not one that the kubeconfig trusts for its address"
	case errors.As(err, &record), errors.As(err, &alert):
		return "TLS connection to the API server cannot be set up"
	}
	return ""
}

func timing(err error) string {
	var timed net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "request was ended before the API server answered"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return "API server did not answer in time"
	}
	return ""
}

// Shorten makes a text that others wrote fit a message: one line of at most 256 bytes.
func Shorten(written string) string { return text.Line(written, maxText) }
