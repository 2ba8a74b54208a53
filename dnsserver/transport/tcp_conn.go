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

package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/query"
)

const (
	// flushSize is the number of octets of responses after which they are sent, even if further
	// queries have arrived.
	flushSize = 16 << 10
	// maxQuery is the largest query in octets. Queries are small, but options may make them larger
	// than 512.
	maxQuery = 4096
	// lengthSize is the size of the length in front of each message (RFC 1035, section 4.2.2).
	lengthSize = 2
)

var errTooLong = errors.New("the query is too long")

// tcpConn is a connection.
type tcpConn struct {
	server *TCPServer
	conn   *stream
	tcp    *net.TCPConn
	source netip.Addr
	// active is the time of the last query, in nanoseconds since 1970.
	active atomic.Int64
	reads  deadline
	// last is the deadline for all reads after Shutdown.
	last time.Time

	// writing guards writes.
	writing sync.Mutex
	writes  deadline
	waiting sync.WaitGroup
}

// deadline is the last deadline that was set for one direction of a connection.
type deadline struct {
	limit time.Duration
	since time.Time
}

// renew returns whether to set a new deadline. A recent one with the same limit is good enough:
// setting a deadline takes longer than answering a query.
func (d *deadline) renew(limit time.Duration, now time.Time) bool {
	if d.limit == limit && now.Sub(d.since) < limit/8 {
		return false
	}
	d.limit, d.since = limit, now
	return true
}

// serve answers queries until the client closes the connection, is idle or slow for too long, or
// the server shuts down.
func (c *tcpConn) serve() {
	c.answerAll()
	c.waiting.Wait()
	if c.server.ending.Load() {
		c.leave()
	}
}

// leave closes our direction and waits for the client to close the other. Closing a connection with
// unread queries would reset it, and the client would lose responses that it has not read.
func (c *tcpConn) leave() {
	if c.conn.CloseWrite() != nil {
		return
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(c.server.grace))
	_, _ = io.Copy(io.Discard, c.conn)
}

// answerAll reads and answers queries. It sends the responses to queries that arrive together in
// one write. A response that has to wait does not delay others (RFC 7766, section 7).
func (c *tcpConn) answerAll() {
	reader := bufio.NewReaderSize(c.conn, lengthSize+maxQuery)
	var out []byte
	var answered int
	var arrived time.Time
	for {
		packet, err := c.read(reader)
		if err != nil {
			return
		}
		if answered == 0 {
			// Queries that are answered together were read together.
			arrived = time.Now()
			c.active.Store(arrived.UnixNano())
		}
		q := query.Query{
			Packet: packet, Transport: query.TCP, Client: c.conn.RemoteAddr(), Arrived: arrived, Counters: &c.server.counters,
		}
		switch framed, done := c.answer(out, q); {
		case !done:
			c.wait(q)
		case len(framed) > len(out):
			out = framed
			answered++
		}
		if hasQuery(reader) && len(out) < flushSize {
			continue
		}
		if c.write(out) != nil {
			return
		}
		if answered == 0 {
			continue
		}
		c.server.counters.Observe(time.Since(arrived), answered)
		out, answered = reusable(out), 0
	}
}

// reusable returns an empty buffer for the next responses. It drops a large buffer, because the
// connection may stay silent.
func reusable(out []byte) []byte {
	if cap(out) > flushSize {
		return nil
	}
	return out[:0]
}

// allow gives the client so much time to send. After Shutdown, that is at most the rest of the
// grace.
func (c *tcpConn) allow(limit time.Duration) {
	now := time.Now()
	if !c.server.ending.Load() {
		if !c.reads.renew(limit, now) {
			return
		}
		_ = c.conn.SetReadDeadline(now.Add(limit))
	}
	// The line above may have overwritten the deadline of a Shutdown.
	if c.server.ending.Load() {
		if c.last.IsZero() {
			c.last = now.Add(c.server.grace)
		}
		_ = c.conn.SetReadDeadline(c.last)
	}
}

// read reads one query. The idle limit applies to the first octet, and the slow limit to the rest.
// The next read overwrites the query.
func (c *tcpConn) read(reader *bufio.Reader) ([]byte, error) {
	if reader.Buffered() == 0 {
		c.allow(c.server.idle)
		if _, err := reader.Peek(1); err != nil {
			return nil, err
		}
	}
	if !hasQuery(reader) {
		c.allow(c.server.slow)
	}
	length, err := reader.Peek(lengthSize)
	if err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length))
	if n > maxQuery {
		c.server.counters.Drop(query.NoQuery)
		return nil, errTooLong
	}
	packet, err := reader.Peek(lengthSize + n)
	if err != nil {
		return nil, err
	}
	_, err = reader.Discard(lengthSize + n)
	return slices.Clip(packet[lengthSize:]), err
}

// hasQuery returns whether the buffer holds a whole query.
func hasQuery(reader *bufio.Reader) bool {
	if reader.Buffered() < lengthSize {
		return false
	}
	length, err := reader.Peek(lengthSize)
	return err == nil && reader.Buffered() >= lengthSize+int(binary.BigEndian.Uint16(length))
}

// answer appends a response with its length to out. It returns false if the response has to wait.
func (c *tcpConn) answer(out []byte, q query.Query) ([]byte, bool) {
	response, done := c.server.handler.Answer(append(out, 0, 0), q)
	return framed(response, len(out)), done
}

// framed writes the length of a message into the two octets at start, which precede it. It removes
// them if there is no message.
func framed(message []byte, start int) []byte {
	size := len(message) - start - lengthSize
	if size == 0 {
		return message[:start]
	}
	binary.BigEndian.PutUint16(message[start:], uint16(size)) //nolint:gosec // No message is larger than 65535 octets.
	return message
}

// wait answers a query that has to wait, without delaying the next ones.
func (c *tcpConn) wait(q query.Query) {
	q.Packet = slices.Clone(q.Packet)
	c.server.waiting.start(q, make([]byte, lengthSize), c.waiting.Go, func(message []byte) {
		// If this fails, the client has gone.
		_ = c.write(framed(message, 0))
		c.server.counters.Observe(time.Since(q.Arrived), 1)
	})
}

func (c *tcpConn) write(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if now := time.Now(); c.writes.renew(c.server.slow, now) {
		if err := c.conn.SetWriteDeadline(now.Add(c.server.slow)); err != nil {
			return err
		}
	}
	_, err := c.conn.Write(out)
	if err != nil {
		c.server.counters.Drop(query.NotSent)
	}
	return err
}
