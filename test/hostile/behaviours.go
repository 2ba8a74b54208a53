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

// Item returns the n-th object of a stream, counted from 0, as JSON.
type Item func(n int) string

// Service returns Services of the namespace "default" that are called service-0, service-1 and so on, each of about a number
// of bytes.
func Service(size int) Item {
	const format = `{"kind":"Service","apiVersion":"v1","metadata":{"name":"service-%d","namespace":"default","uid":"%[1]d","resourceVersion":"%[2]d",` +
		`"annotations":{"filler":%[3]q}},"spec":{"type":"LoadBalancer","ports":[{"port":80}]},` +
		`"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}}`
	filler := strings.Repeat("x", max(0, size-len(format)))
	return func(n int) string { return fmt.Sprintf(format, n, n+1, filler) }
}

// RedirectTo answers with a redirect to an address, which is sent as it is.
func RedirectTo(address string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", address)
		w.WriteHeader(http.StatusFound)
	}
}

// EndlessList answers with a list of a kind, such as "v1" and "ServiceList", that has no end.
func EndlessList(apiVersion, kind string, item Item) http.HandlerFunc {
	return list(apiVersion, kind, -1, item)
}

// List answers with a list of a number of objects.
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

// EndlessWatch answers a watch with objects that are added as fast as the client reads them.
func EndlessWatch(item Item) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for n := 0; write(w, r, `{"type":"ADDED","object":`+item(n)+"}\n"); n++ {
		}
	}
}

// Body answers with a number of bytes that mean nothing, -1 for no end.
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

// Bomb answers with JSON that is small as it is sent and has a number of bytes when it is decompressed. It compresses whether or
// not the client says that it understands it.
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

// letters reads as the letter x without end.
type letters struct{}

func (letters) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = 'x'
	}
	return len(into), nil
}

// Drip answers with one byte in each interval, without end.
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

// Text answers with a text that is no Status, as a proxy or a web server does.
func Text(code int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

// Status answers with a Status, as an API server does.
func Status(code int, reason, message string) http.HandlerFunc {
	body, err := json.Marshal(map[string]any{
		"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code,
	})
	if err != nil {
		panic(err) // Strings and an integer.
	}
	return Text(code, "application/json", string(body))
}

// Hang does not answer.
func Hang() http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
}

// write sends a piece of an answer, and returns false once the client or the test is gone.
func write(w http.ResponseWriter, r *http.Request, piece string) bool {
	if r.Context().Err() != nil {
		return false
	}
	if _, err := io.WriteString(w, piece); err != nil {
		return false
	}
	return http.NewResponseController(w).Flush() == nil
}
