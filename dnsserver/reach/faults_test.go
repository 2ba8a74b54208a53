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
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// step is the granularity of faults: the network does not change within a step.
const step = time.Second

// fault is a state of paths from a step to another one.
type fault struct {
	from, to int
	// isRefused distinguishes a stopped process from lost packets. slowness is the time that
	// answers take; it is 0 for other faults.
	isRefused bool
	slowness  time.Duration
}

// timeline is a list of faults that do not overlap, in order.
type timeline []fault

// at returns the fault at a step, or nil, and the step of the next change.
func (t timeline) at(step int) (*fault, int) {
	i, _ := slices.BinarySearchFunc(t, step, func(f fault, step int) int {
		if f.to <= step {
			return -1
		}
		return 1
	})
	switch {
	case i == len(t):
		return nil, math.MaxInt
	case t[i].from > step:
		return nil, t[i].from
	}
	return &t[i], t[i].to
}

// occasionally returns faults with the average distance and duration, in steps.
func occasionally(random *rand.Rand, steps int, apart, lasting float64, kind func() fault) timeline {
	var t timeline
	for at := int(random.ExpFloat64() * apart); at < steps; {
		f := kind()
		f.from = at
		f.to = at + 1 + int(random.ExpFloat64()*lasting)
		t = append(t, f)
		at = f.to + 1 + int(random.ExpFloat64()*apart)
	}
	return t
}

// crashes are those of a gateway's process or node.
func crashes(random *rand.Rand, steps int) timeline {
	return occasionally(random, steps, 1200, 120, func() fault { return fault{isRefused: random.IntN(2) == 0} })
}

// flaps are periods in which a gateway changes every few seconds.
func flaps(random *rand.Rand, steps int) timeline {
	var t timeline
	for _, period := range occasionally(random, steps, 4000, 600, func() fault { return fault{} }) {
		up, down := 1+random.IntN(20), 1+random.IntN(20)
		for at := period.from; at < period.to; at += up + down {
			t = append(t, fault{from: at, to: at + down, isRefused: random.IntN(2) == 0})
		}
	}
	return t
}

// partitions are losses between one consumer and one gateway. A probe cannot tell whether packets
// are lost on the way there, on the way back or both.
func partitions(random *rand.Rand, steps int) timeline {
	return occasionally(random, steps, 5000, 100, func() fault { return fault{} })
}

// slowness makes a gateway slow, within or beyond the timeout.
func slowness(random *rand.Rand, steps int, timeout time.Duration) timeline {
	return occasionally(random, steps, 4000, 60, func() fault {
		return fault{slowness: time.Duration(random.Float64() * 2 * float64(timeout))}
	})
}

// outages cut a consumer off from all gateways.
func outages(random *rand.Rand, steps int) timeline {
	return occasionally(random, steps, 3000, 60, func() fault { return fault{} })
}
