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

package answer

import (
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

// AnswerWithLibrary is a second implementation of Answer, which uses the DNS library for
// everything.
func (h *Handler) AnswerWithLibrary(packet []byte, transport query.Transport) []byte {
	l := library{handler: h, now: time.Now()}
	return l.answer(packet, transport)
}

// IsUsual returns whether request.parse accepts the packet.
func IsUsual(packet []byte) bool {
	var r request
	var name [maxName]byte
	return len(packet) >= headerSize && packet[2]&0x80 == 0 && r.parse(packet, &name)
}
