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
	// quantityLength is how many characters a quantity may have. An API server sends it in its canonical form, which is 20
	// digits and a suffix for what fits into 64 bits. resource.ParseQuantity takes 3 µs at most for as many characters.
	quantityLength = 48
	// exponentDigits is how many digits the exponent of a quantity may have. resource.ParseQuantity multiplies by a power of
	// ten with as many digits as the exponent says: 1 µs for 1e-99, 5 µs for 1e-999, 2 s for 1e-9999999, hours for two
	// digits more. Suffixes end at 10^18.
	exponentDigits = 2
	// keyLength is the length of the longest key of quantities.
	keyLength = len("allocatedResources")
)

var (
	errLongQuantity = fmt.Errorf("%w of %d characters for a quantity", ErrBeyondBudget, quantityLength)
	errLongExponent = fmt.Errorf("%w of %d digits for the exponent of a quantity", ErrBeyondBudget, exponentDigits)
)

// isQuantityKey returns whether a field of that name, in the kinds that are read, is a resource.Quantity or a map or list of them.
// Decoders know names of fields by their exact case.
func isQuantityKey(name []byte) bool {
	switch string(name) {
	case "allocatable", "allocatedResources", "capacity", "divisor", "limits", "overhead", "requests", "resources", "sizeLimit":
		return true
	}
	return false
}

// key is a key in an object. Its zero value is the empty one.
type key struct {
	name   [keyLength]byte
	length int
	// escape is how many bytes of an escape sequence have been read, its backslash included.
	escape int
	// code is the code of a sequence like \u0041 so far.
	code rune
}

// add goes on with the next byte between the quotes.
func (k *key) add(b byte) {
	switch {
	case k.escape == 0 && b != '\\':
		k.append(b)
	case k.escape == 0:
		k.escape, k.code = 1, 0
	case k.escape == 1 && b != 'u':
		// It stands for a character that no key of quantities has.
		k.escape = 0
		k.append(b | 0x80)
	case k.escape == 1:
		k.escape = 2
	default:
		k.code = k.code<<4 | digit(b)
		if k.escape++; k.escape == len(`\u0041`) {
			k.escape = 0
			k.append(byte(min(k.code, 0x80)))
		}
	}
}

// digit returns the value of a hexadecimal digit.
func digit(b byte) rune {
	if b <= '9' {
		return rune(b & 0xf)
	}
	return rune(b&0xf + 9)
}

func (k *key) append(b byte) {
	if k.length < len(k.name) {
		k.name[k.length] = b
	}
	k.length++
}

// ofQuantities returns whether the value of the key is a quantity or consists of quantities.
func (k *key) ofQuantities() bool {
	return k.length <= len(k.name) && isQuantityKey(k.name[:k.length])
}

// quantity is a string or number that may be decoded as a resource.Quantity. Its zero value is the empty one.
type quantity struct {
	length int
	// hasExponent is whether the letter of an exponent came, digits how many digits came since the latest letter.
	hasExponent bool
	digits      int
	// isOther is whether it cannot be a quantity, which resource.ParseQuantity sees at the first such character.
	isOther bool
}

// add goes on with the next byte between the quotes. resource.Quantity takes those bytes as they are, without regard to
// escape sequences, but for white space at both ends.
func (q *quantity) add(b byte) {
	switch {
	case b == ' ' || b >= 0x80: // White space may have any code.
		return
	case '0' <= b && b <= '9':
		q.digits++
	case b == 'e' || b == 'E':
		q.hasExponent = true
		q.digits = 0
	case b == '+' || b == '-' || b == '.':
	case b == 'i' || b == 'n' || b == 'u' || b == 'm' || b == 'k' || b == 'K' || b == 'M' || b == 'G' || b == 'T' || b == 'P':
	default:
		q.isOther = true
	}
	q.length++
}

// end returns an ErrBeyondBudget if it would take long to decode.
func (q *quantity) end() error {
	switch {
	case q.isOther:
		return nil
	case q.length > quantityLength:
		return errLongQuantity
	case q.hasExponent && q.digits > exponentDigits:
		return errLongExponent
	}
	return nil
}
