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

import (
	"container/heap"
	"slices"
	"time"
)

// entry is a target in the roster.
type entry struct {
	target  Target
	health  health
	cluster *cluster
	lane    *lane
	// users are the names with this target. An entry without users has been removed.
	users []*Usage
	// reason describes the last failure.
	reason string

	due, startedAt time.Time
	state          entryState
	urgency        urgency
	// position is the index in the heap. previous and next are the neighbours in a queue.
	position       int
	previous, next *entry
}

// isAsked reports whether any name with the target is asked for.
func (e *entry) isAsked() bool {
	return slices.ContainsFunc(e.users, (*Usage).isAsked)
}

// entryState tells where an entry is.
type entryState int8

const (
	// unprobed entries are in no list.
	unprobed entryState = iota
	// waiting entries are in the heap, for their due time.
	waiting
	// ready entries are in a queue of their lane.
	ready
	// probing entries have a probe under way.
	probing
)

// dueHeap orders entries by due time.
type dueHeap []*entry

func (d dueHeap) Len() int           { return len(d) }
func (d dueHeap) Less(i, j int) bool { return d[i].due.Before(d[j].due) }
func (d dueHeap) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].position, d[j].position = i, j
}

// Push is for package heap.
func (d *dueHeap) Push(x any) {
	e := x.(*entry)
	e.position = len(*d)
	*d = append(*d, e)
}

// Pop is for package heap.
func (d *dueHeap) Pop() any {
	last := len(*d) - 1
	e := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	return e
}

func (d *dueHeap) add(e *entry, due time.Time) {
	e.state, e.due = waiting, due
	heap.Push(d, e)
}

// move changes the due time of a waiting entry.
func (d *dueHeap) move(e *entry, due time.Time) {
	e.due = due
	heap.Fix(d, e.position)
}

func (d *dueHeap) remove(e *entry) {
	heap.Remove(d, e.position)
}

// takeDue removes and returns the first entry if it is due, or nil.
func (d *dueHeap) takeDue(now time.Time) *entry {
	if len(*d) == 0 || (*d)[0].due.After(now) {
		return nil
	}
	return heap.Pop(d).(*entry)
}
