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

package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"
)

const (
	// flushSize is how many octets of responses are collected while further queries are there already.
	flushSize = 16 << 10
	// maxQuery is how many octets a query may have. Queries are small; options may make them larger than 512.
	maxQuery = 4096
	// lengthSize is the size of the length in front of each message (RFC 1035, section 4.2.2).
	lengthSize = 2
)

var errTooLong = errors.New("the query is too long")

// serve answers queries until the client ends, is silent for too long, or too slow, or the server ends.
func (c *tcpConn) serve() {
	c.answerAll()
	c.waiting.Wait()
	if c.server.ending.Load() {
		c.leave()
	}
}

// leave says that nothing more will come, and lets the client go first. If the connection were closed while there is something that
// was not read, the client would lose responses that it has not read.
func (c *tcpConn) leave() {
	if c.conn.CloseWrite() != nil {
		return
	}
	_ = c.conn.SetReadDeadline(time.Now().Add(c.server.grace))
	_, _ = io.Copy(io.Discard, c.conn)
}

// answerAll reads and answers. Responses to queries that come together leave together; one that has to be waited for is overtaken by
// others (RFC 7766, section 7).
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
			// What is answered together was read together.
			arrived = time.Now()
			c.active.Store(arrived.UnixNano())
		}
		query := Query{Packet: packet, Transport: TCP, Client: c.conn.RemoteAddr(), Arrived: arrived}
		switch framed, done := c.answer(out, query); {
		case !done:
			c.wait(query)
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
		c.server.counters.observe(time.Since(arrived), answered)
		out, answered = reusable(out), 0
	}
}

// reusable returns an empty buffer for the next responses. One that a large response has made large is not kept, since the
// connection may be silent from now on.
func reusable(out []byte) []byte {
	if cap(out) > flushSize {
		return nil
	}
	return out[:0]
}

// allow lets the client take so long for what is read next. When the server ends that is no longer than the rest of the grace.
func (c *tcpConn) allow(limit time.Duration) {
	now := time.Now()
	if !c.server.ending.Load() {
		if !c.reads.renew(limit, now) {
			return
		}
		_ = c.conn.SetReadDeadline(now.Add(limit))
	}
	// What Shutdown has set may have been overwritten.
	if c.server.ending.Load() {
		if c.last.IsZero() {
			c.last = now.Add(c.server.grace)
		}
		_ = c.conn.SetReadDeadline(c.last)
	}
}

// read reads one query, whose first octet may let wait for itself, while the rest of it must not. The next read overwrites the query.
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
		c.server.counters.drop(NoQuery)
		return nil, errTooLong
	}
	query, err := reader.Peek(lengthSize + n)
	if err != nil {
		return nil, err
	}
	_, err = reader.Discard(lengthSize + n)
	return slices.Clip(query[lengthSize:]), err
}

// hasQuery returns whether a whole query has been received and not been read.
func hasQuery(reader *bufio.Reader) bool {
	if reader.Buffered() < lengthSize {
		return false
	}
	length, err := reader.Peek(lengthSize)
	return err == nil && reader.Buffered() >= lengthSize+int(binary.BigEndian.Uint16(length))
}

// answer appends a response with its length to out. It returns false when it has to be waited for.
func (c *tcpConn) answer(out []byte, query Query) ([]byte, bool) {
	response, done := c.server.handler.Answer(append(out, 0, 0), query, &c.server.counters)
	return framed(response, len(out)), done
}

// framed writes the length of a message in front of it, in the two octets that begin at start. Where there is no message there
// is no length.
func framed(message []byte, start int) []byte {
	size := len(message) - start - lengthSize
	if size == 0 {
		return message[:start]
	}
	binary.BigEndian.PutUint16(message[start:], uint16(size)) //nolint:gosec // No message is larger than 65535 octets.
	return message
}

// wait answers a query that has to wait, beside those that follow.
func (c *tcpConn) wait(query Query) {
	query.Packet = slices.Clone(query.Packet)
	answer := func(wait func(out []byte, q Query, counters *Counters) []byte) {
		// When it fails the client is gone.
		_ = c.write(framed(wait(make([]byte, lengthSize), query, &c.server.counters), 0))
		c.server.counters.observe(time.Since(query.Arrived), 1)
	}
	select {
	case c.server.waiting <- struct{}{}:
		c.waiting.Go(func() {
			defer func() { <-c.server.waiting }()
			answer(c.server.handler.Wait)
		})
	default:
		answer(c.server.handler.GiveUp)
	}
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
		c.server.counters.drop(NotSent)
	}
	return err
}
