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

import "fmt"

const (
	// valueBytes is the most memory that an object or an array element of JSON takes once decoded, besides its text:
	// "{}" or "null" is enough for a Container of 600 bytes.
	valueBytes = 640
	// maxDepth bounds how deep JSON may be nested. Kubernetes' own types stay below 30.
	maxDepth = 256
)

var errTooDeep = exceeded(fmt.Sprintf("more than %d levels of JSON", maxDepth))

// weigher estimates how much memory JSON takes once it is decoded, without decoding it, and refuses values that take
// long to decode. Its zero value is ready for use. It may pass invalid JSON, because decoders check the whole text
// before they decode any of it.
type weigher struct {
	// weight is the estimate for the top-level value that has begun and not ended, and for the bytes behind the
	// latest one.
	weight int64
	// former is the weight of the top-level values that have ended, if they are separate.
	former int64
	// ended is how many top-level values have ended, if they are separate.
	ended int64

	depth  int
	levels [maxDepth]level
	token  token
	// escaped is whether the next byte of a string follows a backslash.
	escaped bool
	// isValue is whether a value follows next in an object, rather than a key.
	isValue bool
	key     key
	number  number
}

// level is an array or an object that has begun and not ended.
type level struct {
	isArray bool
	// ofQuantities is whether a decoder may take the strings directly in it for quantities.
	ofQuantities bool
}

// token is the kind of token to which the next byte may belong.
type token byte

const (
	noToken token = iota
	keyToken
	// textToken is a string that is a value and no quantity.
	textToken
	// quotedToken is a string that may be a quantity.
	quotedToken
	// bareToken is a number, which may be a quantity too.
	bareToken
)

// weigh goes on with the next bytes and returns the highest weight on the way. If values are separate, the weight
// starts from zero after each top-level value. The error is an ErrBeyondBudget.
func (w *weigher) weigh(data []byte, separate bool) (peak int64, err error) {
	for i := 0; i < len(data); i++ {
		w.weight++
		b := data[i]
		switch w.token {
		case textToken:
			skipped := w.skip(data[i:]) - 1
			w.weight += int64(skipped)
			i += skipped
			continue
		case keyToken, quotedToken:
			if err := w.quote(b); err != nil {
				return peak, err
			}
			continue
		case bareToken:
			if '0' <= b && b <= '9' || b == '.' || b == '-' || b == '+' || b == 'e' || b == 'E' {
				w.number.add(b)
				continue
			}
			w.token = noToken
			if err := w.number.end(); err != nil {
				return peak, err
			}
		case noToken:
		}
		switch b {
		case '"':
			w.begin()
		case ':':
			w.isValue = true
		case ',':
			w.isValue = false
			if w.depth > 0 && w.levels[w.depth-1].isArray {
				w.weight += valueBytes
			}
		case '{', '[':
			if err := w.enter(b == '['); err != nil {
				return peak, err
			}
		case '}', ']':
			peak = max(peak, w.weight)
			w.leave(separate)
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			w.token, w.number = bareToken, number{}
			w.number.add(b)
		}
	}
	return max(peak, w.weight), nil
}

// skip returns how many of the next bytes belong to a text, at least one.
func (w *weigher) skip(data []byte) int {
	for i, b := range data {
		switch {
		case w.escaped:
			w.escaped = false
		case b == '\\':
			w.escaped = true
		case b == '"':
			w.token = noToken
			return i + 1
		}
	}
	return len(data)
}

// begin begins a string.
func (w *weigher) begin() {
	switch {
	case w.depth > 0 && !w.levels[w.depth-1].isArray && !w.isValue:
		w.token, w.key = keyToken, key{}
	case w.isQuantity():
		w.token, w.number = quotedToken, number{}
	default:
		w.token = textToken
	}
}

// quote goes on with a key or a quantity.
func (w *weigher) quote(b byte) error {
	if b == '"' && !w.escaped {
		ended := w.token
		w.token = noToken
		if ended == quotedToken {
			return w.number.end()
		}
		return nil
	}
	w.escaped = b == '\\' && !w.escaped
	if w.token == quotedToken {
		w.number.add(b)
	} else {
		w.key.add(b)
	}
	return nil
}

// enter begins an array or an object.
func (w *weigher) enter(isArray bool) error {
	if w.depth == maxDepth {
		return errTooDeep
	}
	w.levels[w.depth] = level{isArray: isArray, ofQuantities: w.isMember() && w.key.ofQuantities()}
	w.depth++
	w.isValue = false
	w.weight += valueBytes
	return nil
}

// decoded returns the estimate for all that was weighed.
func (w *weigher) decoded() int64 { return w.former + w.weight }

// leave ends an array or an object.
func (w *weigher) leave(separate bool) {
	w.depth = max(0, w.depth-1)
	if w.depth == 0 && separate {
		w.former += w.weight
		w.weight = 0
		w.ended++
	}
}

// isMember returns whether the value that begins is that of the latest key.
func (w *weigher) isMember() bool {
	return w.depth > 0 && !w.levels[w.depth-1].isArray
}

// isQuantity returns whether a decoder may take a string that begins for a quantity.
func (w *weigher) isQuantity() bool {
	return w.depth > 0 && (w.levels[w.depth-1].ofQuantities || w.isMember() && w.key.ofQuantities())
}
