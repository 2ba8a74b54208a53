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

package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Item returns the n-th object of a stream as JSON. n starts at 0.
type Item func(n int) string

// Service returns Services with the names service-0, service-1, … in the namespace "default". Each
// has about size bytes.
func Service(size int) Item {
	const format = `{"kind":"Service","apiVersion":"v1","metadata":{"name":"service-%d","namespace":"default","uid":"%[1]d","resourceVersion":"%[2]d",` +
		`"annotations":{"filler":%[3]q}},"spec":{"type":"LoadBalancer","ports":[{"port":80}]},` +
		`"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}}`
	filler := strings.Repeat("x", max(0, size-len(format)))
	return func(n int) string { return fmt.Sprintf(format, n, n+1, filler) }
}

// RedirectTo responds with a redirect. The address is sent unchanged.
func RedirectTo(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", address)
		w.WriteHeader(http.StatusFound)
	}
}

// EndlessList responds with a list without end. apiVersion and kind are, for example, "v1" and
// "ServiceList".
func EndlessList(apiVersion, kind string, item Item) http.HandlerFunc {
	return list(apiVersion, kind, -1, item)
}

// List responds with a list of count objects.
func List(apiVersion, kind string, count int, item Item) http.HandlerFunc {
	return list(apiVersion, kind, count, item)
}

func list(apiVersion, kind string, count int, item Item) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"kind":%q,"apiVersion":%q,"metadata":{"resourceVersion":"1"},"items":[`, kind, apiVersion)
		separator := ""
		for n := 0; n != count; n++ {
			if !write(w, r, separator+item(n)) {
				return
			}
			separator = ","
		}
		write(w, r, "]}")
	}
}

// EndlessWatch responds to a watch with ADDED events as fast as the client reads them.
func EndlessWatch(item Item) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for n := 0; write(w, r, `{"type":"ADDED","object":`+item(n)+"}\n"); n++ {
		}
	}
}

// Body responds with size meaningless bytes. A size of -1 is without end.
func Body(code int, contentType string, size int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		chunk := strings.Repeat("x", 32<<10)
		for left := size; left != 0; {
			if left > 0 && left < int64(len(chunk)) {
				chunk = chunk[:left]
			}
			if !write(w, r, chunk) {
				return
			}
			if left > 0 {
				left -= int64(len(chunk))
			}
		}
	}
}

// Bomb responds with a small compressed body that expands to size bytes of JSON. It compresses even
// if the client does not accept it.
func Bomb(size int64) http.HandlerFunc {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	_, _ = io.WriteString(writer, `{"filler":"`)
	_, _ = io.Copy(writer, io.LimitReader(letters{}, size))
	_, _ = io.WriteString(writer, `"}`)
	_ = writer.Close()
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(compressed.Bytes())
	}
}

// letters is an endless reader of the letter x.
type letters struct{}

func (letters) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = 'x'
	}
	return len(into), nil
}

// Drip responds with one byte per interval, without end.
func Drip(interval time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for write(w, r, " ") {
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				return
			}
		}
	}
}

// Text responds with a text instead of a Status, like a proxy or a web server.
func Text(code int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

// Status responds with a Status, like an API server.
func Status(code int, reason, message string) http.HandlerFunc {
	body, err := json.Marshal(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code,
	})
	if err != nil {
		panic(err) // All fields can be encoded.
	}
	return Text(code, "application/json", string(body))
}

// Hang never responds.
func Hang() http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
}

// write sends a part of a response. It returns false once the client has disconnected or the test
// has ended.
func write(w http.ResponseWriter, r *http.Request, piece string) bool {
	if r.Context().Err() != nil {
		return false
	}
	if _, err := io.WriteString(w, piece); err != nil {
		return false
	}
	return http.NewResponseController(w).Flush() == nil
}
