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

import "time"

const (
	// maxRate is the number of probes per second, for all targets. At 100 µs of CPU each, they take
	// one percent of a processor.
	maxRate = 100
	// maxBurst is the number of probes that may start at once after a quiet second. If 100
	// gateways with an interval of 2 s fail together, the probes that confirm it come at 150 per
	// second for more than a second. Without a burst, the last verdict would be late.
	maxBurst = 100
	// maxProbing is the number of probes under way. Each has a goroutine and a socket. With
	// timeouts up to 2.5 s, one namespace reaches maxRate with half of them.
	maxProbing = 512
)

// limit is a token bucket: maxRate probes per second, and up to maxBurst after a quiet time.
type limit struct {
	tokens float64
	at     time.Time
}

// wait returns the time until a probe may start, or zero.
func (l *limit) wait(now time.Time) time.Duration {
	if l.at.IsZero() {
		l.tokens, l.at = maxBurst, now
	}
	if elapsed := now.Sub(l.at); elapsed > 0 {
		l.tokens = min(maxBurst, l.tokens+elapsed.Seconds()*maxRate)
		l.at = now
	}
	if l.tokens >= 1 {
		return 0
	}
	// Rounding up by a microsecond ensures that a caller that waits as told may start.
	return time.Duration((1-l.tokens)/maxRate*float64(time.Second)) + time.Microsecond
}

// spend notes that a probe starts. wait must have returned zero.
func (l *limit) spend() {
	l.tokens--
}
