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

package httpserver

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
)

// conns returns a connection for each letter, the oldest first. The letter is its source, in upper
// case if it is busy.
func conns(letters string) []*limitedConn {
	var made []*limitedConn
	for _, letter := range letters {
		conn := &limitedConn{source: source(letter)}
		conn.busy.Store(letter <= 'Z')
		made = append(made, conn)
	}
	return made
}

func source(letter rune) netip.Addr {
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(letter | 0x20)})
}

func TestVictim(t *testing.T) {
	t.Parallel()
	eightOfEight := "abcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefghabcdefgh"
	for name, test := range map[string]struct {
		held string
		next rune
		full bool
		want int
	}{
		"no connection is evicted below the limits":                         {held: "aabbcc", next: 'a', want: -1},
		"at the limit per source, the oldest of the source":                 {held: "kaaaaaaaa", next: 'a', full: true, want: 1},
		"at the limit per source, the oldest idle one of the source":        {held: "kAaaaaaaa", next: 'a', full: true, want: 2},
		"at the limit per source, no busy connection":                       {held: "kAAAAAAAA", next: 'a', full: true, want: -1},
		"the limit of one source does not affect another":                   {held: "aaaaaaaa", next: 'k', want: -1},
		"at the total limit, the oldest of the largest source":              {held: "k" + eightOfEight[1:], next: 'l', full: true, want: 2 - 1},
		"at the total limit, the oldest of all if all sources have as many": {held: eightOfEight, next: 'k', full: true, want: 0},
		"at the total limit, no busy connection":                            {held: "A" + eightOfEight[1:], next: 'k', full: true, want: 1},
		"a source with few connections keeps them":                          {held: "k" + "l" + eightOfEight[2:], next: 'm', full: true, want: 2},
		"at both limits, the oldest of the source":                          {held: eightOfEight, next: 'c', full: true, want: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			index, full := victim(conns(test.held), source(test.next))
			g.Expect(full).To(Equal(test.full))
			g.Expect(index).To(Equal(test.want))
		})
	}
}
