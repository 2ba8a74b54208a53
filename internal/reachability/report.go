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

package reachability

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

const (
	// MaxGateways is the highest number of gateways in a report: twice the gateways of a large fleet.
	MaxGateways = 2000
	// MaxBytes is the longest report in bytes: a key in quotes and a comma for each gateway, and the frame.
	MaxBytes = MaxGateways*(keyLength+3) + 64

	// DataKey is the key of the report in the ConfigMap.
	DataKey = "report"

	keyBytes  = 8
	keyLength = 11
)

// Key identifies a gateway: the first 8 bytes of the SHA-256 of its per-cluster name. Two of a thousand gateways have the same key
// once in 10^13 fleets.
type Key uint64

// KeyOf returns the key of a gateway, given its per-cluster name in canonical form, with the wildcard "*." first.
func KeyOf(hostname string) Key {
	sum := sha256.Sum256([]byte(hostname))
	return Key(binary.BigEndian.Uint64(sum[:keyBytes]))
}

// MarshalText returns the key in unpadded base64url (RFC 4648, section 5).
func (k Key) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, binary.BigEndian.AppendUint64(nil, uint64(k))), nil
}

// UnmarshalText is the inverse of MarshalText.
func (k *Key) UnmarshalText(text []byte) error {
	var decoded [keyBytes]byte
	if len(text) != keyLength {
		return fmt.Errorf("a key has %d characters, not %d", keyLength, len(text))
	}
	if _, err := base64.RawURLEncoding.Strict().Decode(decoded[:], text); err != nil {
		return fmt.Errorf("a key is not base64url: %w", err)
	}
	*k = Key(binary.BigEndian.Uint64(decoded[:]))
	return nil
}

// Report lists the gateways with a verdict. The lists are sorted, and no key is in them twice. A gateway that is in neither is not
// probed, or has no verdict yet.
type Report struct {
	Down []Key `json:"down"`
	Up   []Key `json:"up"`
}

// New returns the report on gateways that are up (true) or down (false). Of more than MaxGateways, it leaves out those that are up
// first.
func New(isUp map[Key]bool) Report {
	var report Report
	for _, key := range slices.Sorted(maps.Keys(isUp)) {
		if isUp[key] {
			report.Up = append(report.Up, key)
		} else {
			report.Down = append(report.Down, key)
		}
	}
	report.Down = report.Down[:min(len(report.Down), MaxGateways)]
	report.Up = report.Up[:min(len(report.Up), MaxGateways-len(report.Down))]
	return report
}

// All returns the gateways of the report, and whether each is up.
func (r Report) All() iter.Seq2[Key, bool] {
	return func(yield func(Key, bool) bool) {
		for _, key := range r.Down {
			if !yield(key, false) {
				return
			}
		}
		for _, key := range r.Up {
			if !yield(key, true) {
				return
			}
		}
	}
}

// IsEmpty returns whether the report has no gateway.
func (r Report) IsEmpty() bool { return len(r.Down)+len(r.Up) == 0 }

// Encode returns the report as JSON of at most MaxBytes. Equal reports have equal bytes.
func (r Report) Encode() []byte {
	text, err := json.Marshal(Report{Down: nonNil(r.Down), Up: nonNil(r.Up)})
	if err != nil {
		return nil // These types always marshal.
	}
	return text
}

func nonNil(keys []Key) []Key {
	if keys == nil {
		return []Key{}
	}
	return keys
}

// Parse is the inverse of Encode. It sorts the lists and counts each gateway once: one that is in both lists is down.
func Parse(text []byte) (Report, error) {
	if len(text) > MaxBytes {
		return Report{}, fmt.Errorf("the report has %d bytes, %d are allowed", len(text), MaxBytes)
	}
	var parsed Report
	if err := json.Unmarshal(text, &parsed); err != nil {
		return Report{}, fmt.Errorf("the report is not JSON of the expected form: %w", err)
	}
	if count := len(parsed.Down) + len(parsed.Up); count > MaxGateways {
		return Report{}, fmt.Errorf("the report has %d gateways, %d are allowed", count, MaxGateways)
	}
	isUp := make(map[Key]bool, len(parsed.Down)+len(parsed.Up))
	for _, key := range parsed.Up {
		isUp[key] = true
	}
	for _, key := range parsed.Down {
		isUp[key] = false
	}
	return New(isUp), nil
}

// Merge returns the report of several dns-servers. A gateway is down if at least half of those with a verdict say so: of two, one
// that cannot reach it sends half of the clients elsewhere.
func Merge(reports []Report) Report {
	balance := map[Key]int{}
	for _, report := range reports {
		for key, isUp := range report.All() {
			if isUp {
				balance[key]++
			} else {
				balance[key]--
			}
		}
	}
	isUp := make(map[Key]bool, len(balance))
	for key, votes := range balance {
		isUp[key] = votes > 0
	}
	return New(isUp)
}

// Verdict is what a report says of a gateway.
type Verdict int8

// The verdicts.
const (
	None Verdict = iota
	Down
	Up
)

// Change is a gateway on which two reports differ.
type Change struct {
	Key           Key
	Before, After Verdict
}

// Of returns what the report says of a gateway.
func (r Report) Of(key Key) Verdict {
	if _, isDown := slices.BinarySearch(r.Down, key); isDown {
		return Down
	}
	if _, isUp := slices.BinarySearch(r.Up, key); isUp {
		return Up
	}
	return None
}

// Changes returns the gateways on which two reports differ, sorted by key.
func Changes(before, after Report) []Change {
	var changes []Change
	for key := range before.All() {
		if change := (Change{Key: key, Before: before.Of(key), After: after.Of(key)}); change.Before != change.After {
			changes = append(changes, change)
		}
	}
	for key := range after.All() {
		if before.Of(key) == None {
			changes = append(changes, Change{Key: key, After: after.Of(key)})
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Key, b.Key) })
	return changes
}
