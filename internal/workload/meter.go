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

package workload

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

const (
	// valueBytes is what an object or an element of an array in JSON takes at most once decoded, besides its text: "{}"
	// or "null" is enough for a Container of 600 bytes.
	valueBytes = 640
	// maxDepth bounds how deep JSON may be nested. Kubernetes' own types stay below 30.
	maxDepth = 256
	// errorBytes is how much of the body of an error is read: a Status of Kubernetes is a few hundred bytes, and lists all
	// causes of an invalid object.
	errorBytes = 1 << 20
)

// jsonType is the only media type that is read.
const jsonType = "application/json"

const errTooDeep = remote.Error("API server sends JSON that is nested too deep")

// weigher estimates how much memory JSON takes once it is decoded, without decoding it. Its zero value is ready for use.
type weigher struct {
	// weight is the estimate for the top-level value that has begun and not ended, and for what follows the latest one.
	weight int64
	// ended is how many top-level values have ended, if they are separate.
	ended int64

	depth             int
	isArray           [maxDepth]bool
	inString, escaped bool
}

// weigh goes on with the next bytes and returns the highest weight on the way. If values are separate, the weight starts
// from zero after each top-level value.
func (w *weigher) weigh(data []byte, separate bool) (peak int64, err error) {
	for _, b := range data {
		w.weight++
		switch {
		case w.escaped:
			w.escaped = false
		case w.inString && b == '\\':
			w.escaped = true
		case b == '"':
			w.inString = !w.inString
		case w.inString:
		case b == '{' || b == '[':
			if w.depth == maxDepth {
				return peak, errTooDeep
			}
			w.isArray[w.depth] = b == '['
			w.depth++
			w.weight += valueBytes
		case b == ',':
			if w.depth > 0 && w.isArray[w.depth-1] {
				w.weight += valueBytes
			}
		case b == '}' || b == ']':
			w.depth = max(0, w.depth-1)
			if w.depth == 0 && separate {
				peak = max(peak, w.weight)
				w.weight = 0
				w.ended++
			}
		}
	}
	return max(peak, w.weight), nil
}

// meteredTransport holds the responses of one workload cluster to its budget. It lets JSON pass only, because that is what
// it can weigh: two bytes of a Kubernetes protobuf may decode to a kilobyte, and compressed ones to anything.
type meteredTransport struct {
	next   http.RoundTripper
	budget *budget
}

func (t *meteredTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Accept", onlyJSON(request.Header.Get("Accept")))
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	isError := response.StatusCode >= http.StatusBadRequest
	if refused := refuse(response); refused != nil {
		_ = response.Body.Close()
		if !isError {
			return nil, refused
		}
		// The status code alone says enough.
		response.Body = http.NoBody
		return response, nil
	}
	body := &meteredBody{ReadCloser: response.Body, budget: t.budget, separate: isWatch(request) && !isError}
	response.Body = body
	if isError {
		response.Body = &limitedBody{ReadCloser: body, left: errorBytes}
	}
	return response, nil
}

// onlyJSON leaves of the media types of an Accept header those that are JSON.
func onlyJSON(accept string) string {
	var accepted []string
	for mediaType := range strings.SplitSeq(accept, ",") {
		if mediaType = strings.TrimSpace(mediaType); strings.HasPrefix(mediaType, jsonType) {
			accepted = append(accepted, mediaType)
		}
	}
	if len(accepted) == 0 {
		return jsonType
	}
	return strings.Join(accepted, ",")
}

// refuse returns why the body of a response cannot be weighed.
func refuse(response *http.Response) error {
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return remote.Error(fmt.Sprintf("API server sent a response in encoding %q, which was not asked for", shortened(encoding)))
	}
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.ContentLength != 0 && (err != nil || mediaType != jsonType) {
		return remote.Error(fmt.Sprintf("API server sent a response of type %q instead of application/json", shortened(response.Header.Get("Content-Type"))))
	}
	return nil
}

// shortened bounds a text of the API server in a message.
func shortened(text string) string {
	const most = 64
	return strings.ToValidUTF8(text[:min(most, len(text))], "")
}

func isWatch(request *http.Request) bool {
	watch, _ := strconv.ParseBool(request.URL.Query().Get("watch"))
	return watch
}

// meteredBody is the body of a response that is held to the budget.
type meteredBody struct {
	io.ReadCloser
	budget   *budget
	separate bool

	mu      sync.Mutex
	weigher weigher
	counted int64
	closed  bool
}

func (b *meteredBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if n == 0 {
		return n, err
	}
	if failed := b.count(into[:n]); failed != nil {
		return 0, failed
	}
	return n, err
}

func (b *meteredBody) count(data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return http.ErrBodyReadAfterClose
	}
	ended := b.weigher.ended
	peak, err := b.weigher.weigh(data, b.separate)
	if err != nil {
		return err
	}
	if err := b.budget.receive(int64(len(data)), b.weigher.ended-ended); err != nil {
		return err
	}
	if err := b.settle(peak); err != nil {
		return err
	}
	return b.settle(b.weigher.weight)
}

// settle makes what is counted of the body the given weight.
func (b *meteredBody) settle(weight int64) error {
	by := weight - b.counted
	b.counted = weight
	return b.budget.addInFlight(by)
}

func (b *meteredBody) Close() error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		_ = b.settle(0) // It only releases.
	}
	b.mu.Unlock()
	return b.ReadCloser.Close()
}

// limitedBody ends a body after so many bytes.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(into[:min(int64(len(into)), b.left)])
	b.left -= int64(n)
	return n, err
}

// releasedBody calls release when it is closed.
type releasedBody struct {
	io.ReadCloser
	release func()
}

func (b *releasedBody) Close() error {
	defer b.release()
	return b.ReadCloser.Close()
}
