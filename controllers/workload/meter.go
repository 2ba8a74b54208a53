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
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

// maxRead is how many bytes of a watch are read at once: pacing counts reads as this large.
const maxRead = 32 << 10

// errorBytes is how much of the body of an error is read: a Status of Kubernetes is a few hundred bytes, and lists all
// causes of an invalid object.
const errorBytes = 1 << 20

// jsonType is the only media type that is read.
const jsonType = "application/json"

// meteredTransport holds the responses of one workload cluster to its budget. It passes only JSON, because it can
// estimate the decoded size of JSON: two bytes of a Kubernetes protobuf may decode to a kilobyte, and compressed
// bytes to any size.
type meteredTransport struct {
	next   http.RoundTripper
	budget *budget
	lane   *lane
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
	body := &meteredBody{ReadCloser: response.Body, budget: t.budget, separate: isWatch(request) && !isError, ctx: request.Context(), lane: t.lane}
	response.Body = body
	if isError {
		response.Body = &limitedBody{ReadCloser: body, left: errorBytes}
	}
	return response, nil
}

// onlyJSON returns the media types of an Accept header that are JSON.
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
		return remote.Error(fmt.Sprintf("API server sent a response in encoding %q, which was not asked for", remote.Shorten(encoding)))
	}
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.ContentLength != 0 && (err != nil || mediaType != jsonType) {
		return remote.Error(fmt.Sprintf("API server sent a response of type %q instead of application/json", remote.Shorten(response.Header.Get("Content-Type"))))
	}
	return nil
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
	ctx      context.Context //nolint:containedctx // It is the request's, which ends the body.
	lane     *lane

	mu      sync.Mutex
	weigher weigher
	counted int64
	// unscanned are the bytes of a watch's event that is not complete.
	unscanned int64
	closed    bool
}

func (b *meteredBody) Read(into []byte) (int, error) {
	if b.separate {
		// Meanwhile the API server cannot send more than the buffers hold. A list waits between its pages instead, because
		// an API server does not let a response take long.
		if err := b.lane.wait(b.ctx); err != nil {
			return 0, err
		}
		into = into[:min(len(into), maxRead)]
	}
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
	ended, decoded := b.weigher.ended, b.weigher.decoded()
	peak, err := b.weigher.weigh(data, b.separate)
	if err != nil {
		return b.budget.end(err)
	}
	received, decoded, ended := int64(len(data)), b.weigher.decoded()-decoded, b.weigher.ended-ended
	b.lane.spend(b.cost(received, decoded, ended))
	if err := b.budget.receive(received, decoded, ended); err != nil {
		return err
	}
	if err := b.settle(peak); err != nil {
		return err
	}
	return b.settle(b.weigher.weight)
}

// cost estimates the processor time of a part of the response.
func (b *meteredBody) cost(received, decoded, events int64) time.Duration {
	cost := time.Duration(received) * arrivalCost
	if b.unscanned += received; events > 0 || !b.separate {
		cost += time.Duration(b.unscanned)*scanCost + time.Duration(events)*eventCost
		b.unscanned = 0
	}
	return cost + time.Duration(decoded)*decodedCost
}

// settle makes the counted weight of the body the given one.
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
