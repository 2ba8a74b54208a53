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

package reach

// lane holds the ready entries of one namespace. Lanes take turns, so a namespace with many targets
// does not delay those of others.
type lane struct {
	queues [urgencies]queue
	// probing is the number of probes under way.
	probing int
	// turns counts the probes that were taken.
	turns int
	// isListed means that the lane is in the roster's list of lanes with ready entries.
	isListed bool
}

// fairTurn is the number of probes of which one is taken from the least urgent queue. So names
// without queries are still probed if the others need all probes.
const fairTurn = 8

// add makes an entry ready.
func (l *lane) add(e *entry) {
	e.state = ready
	l.queues[e.urgency].add(e)
}

// remove removes a ready entry.
func (l *lane) remove(e *entry) {
	l.queues[e.urgency].remove(e)
}

// take removes and returns the next entry, or nil if the lane is empty.
func (l *lane) take() *entry {
	l.turns++
	if l.turns%fairTurn == 0 && l.queues[rested].first != nil {
		return l.queues[rested].take()
	}
	for i := range l.queues {
		if l.queues[i].first != nil {
			return l.queues[i].take()
		}
	}
	return nil
}

// queue is a list of entries in their order of arrival.
type queue struct {
	first, last *entry
}

func (q *queue) add(e *entry) {
	e.previous, e.next = q.last, nil
	if q.last == nil {
		q.first = e
	} else {
		q.last.next = e
	}
	q.last = e
}

// take removes and returns the first entry. The queue must not be empty.
func (q *queue) take() *entry {
	e := q.first
	q.remove(e)
	return e
}

func (q *queue) remove(e *entry) {
	if e.previous == nil {
		q.first = e.next
	} else {
		e.previous.next = e.next
	}
	if e.next == nil {
		q.last = e.previous
	} else {
		e.next.previous = e.previous
	}
	e.previous, e.next = nil, nil
}
