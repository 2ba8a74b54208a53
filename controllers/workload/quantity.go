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
	// numberLength is how many characters a number or quantity may have. An API server sends a quantity in its
	// canonical form, which is 20 digits and a suffix for what fits into 64 bits, and a float64 in 24 characters.
	// resource.ParseQuantity takes 3 µs at most for as many characters.
	numberLength = 48
	// exponentDigits is how many digits the exponent of a number or quantity may have. resource.ParseQuantity
	// computes a power of ten with as many digits as the exponent says: 1 µs for 1e-99, 5 µs for 1e-999, 2 s for
	// 1e-9999999, hours for two digits more. strconv.ParseFloat takes a hundred times as long for 5e-324 as for 1.5.
	// Suffixes end at 10^18.
	exponentDigits = 2
	// keyLength is the length of the longest key of quantities.
	keyLength = len("allocatedResources")
)

var (
	errLongNumber   = exceeded(fmt.Sprintf("more than %d characters for a number", numberLength))
	errLongExponent = exceeded(fmt.Sprintf("more than %d digits for the exponent of a number", exponentDigits))
)

// isQuantityKey returns whether a field of that name, in the kinds that are read, is a resource.Quantity or a map or
// list of them. Decoders know names of fields by their exact case.
func isQuantityKey(name []byte) bool {
	switch string(name) {
	case "allocatable", "allocatedResources", "capacity", "divisor", "hard", "limits", "overhead", "requests", "resources", "sizeLimit", "used":
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
			k.append(byte(min(k.code, 0x80))) //nolint:gosec // It is a byte.
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

// number is a number, or a string that may be decoded as a resource.Quantity. Its zero value is the empty one.
type number struct {
	length int
	// hasExponent is whether the letter of an exponent came, digits how many digits came since the latest letter.
	hasExponent bool
	digits      int
	// isOther is whether it cannot be a number, which resource.ParseQuantity sees at the first such character.
	isOther bool
}

// add goes on with the next byte between the quotes. resource.Quantity takes those bytes as they are, without regard to
// escape sequences, but for white space at both ends.
func (n *number) add(b byte) {
	switch {
	case b == ' ' || b >= 0x80: // White space may have any code.
		return
	case '0' <= b && b <= '9':
		n.digits++
	case b == 'e' || b == 'E':
		n.hasExponent = true
		n.digits = 0
	case b == '+' || b == '-' || b == '.':
	case b == 'i' || b == 'n' || b == 'u' || b == 'm' || b == 'k' || b == 'K' || b == 'M' || b == 'G' || b == 'T' || b == 'P':
	default:
		n.isOther = true
	}
	n.length++
}

// end returns an ErrBeyondBudget if it would take long to decode.
func (n *number) end() error {
	switch {
	case n.isOther:
		return nil
	case n.length > numberLength:
		return errLongNumber
	case n.hasExponent && n.digits > exponentDigits:
		return errLongExponent
	}
	return nil
}
