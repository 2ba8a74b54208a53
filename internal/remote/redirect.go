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
	"net/http"
)

// ErrRedirect is returned if an API server responds with a redirect. Those of Kubernetes never do.
const ErrRedirect = Error("API server answers with a redirect, which is not followed")

// RefuseRedirects wraps the transport of an HTTP client so that each redirect becomes an
// ErrRedirect. client-go would follow it and send its credentials to the other server. Pass it to
// rest.Config.Wrap.
func RefuseRedirects(next http.RoundTripper) http.RoundTripper {
	return &direct{next: next}
}

type direct struct{ next http.RoundTripper }

func (d *direct) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := d.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	// RFC 9110, sections 15.4.2 to 15.4.9: the status codes that http.Client follows.
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		_ = response.Body.Close()
		return nil, ErrRedirect
	}
	return response, nil
}

// WrappedRoundTripper lets client-go find the underlying transport, which holds the connections.
func (d *direct) WrappedRoundTripper() http.RoundTripper { return d.next }
