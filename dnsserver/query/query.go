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

package query

import (
	"net"
	"time"
)

// MaxUDP is the largest message over UDP in octets. No path of the internet fragments a packet of
// this size (DNS flag day 2020).
const MaxUDP = 1232

// Transport is the protocol that carried a query.
type Transport int

const (
	// UDP limits the size of responses: see MaxUDP.
	UDP Transport = iota
	// TCP allows responses of up to 65,535 octets.
	TCP
)

// String returns "udp" or "tcp".
func (t Transport) String() string { return [...]string{"udp", "tcp"}[t] }

// Patience says how long a response may wait for an alias target outside our zones.
type Patience int

const (
	// NoWait means that the response must come from memory.
	NoWait Patience = iota
	// Wait means that the response may wait for a lookup: see package alias for how long.
	Wait
	// GiveUp means that such a target fails with SERVFAIL, because too many other queries wait.
	GiveUp
)

// Query is a message from a client.
type Query struct {
	// Packet is the message, which may be malformed.
	Packet    []byte
	Transport Transport
	Client    net.Addr
	// Arrived is the time at which the packet was read.
	Arrived  time.Time
	Patience Patience
	// Counters are those of the socket.
	Counters *Counters
}
