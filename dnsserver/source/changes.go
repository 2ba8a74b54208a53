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

package source

import (
	"time"

	"k8s.io/klog/v2"
)

// logRest is the shortest time between two lines of the log that tell of changes.
const logRest = time.Second

// changeLog tells of changes in so few lines that a burst of them does not fill the log.
type changeLog struct {
	// count names were changed since the last line, and one of them is the example.
	count   int
	example string
	last    time.Time
}

// add takes a change of a name.
func (c *changeLog) add(name string) {
	if c.count++; c.count == 1 {
		c.example = name
	}
}

// write logs what was changed, unless nothing was or the last line is too recent: see due.
func (c *changeLog) write(log klog.Logger, now time.Time) {
	if c.count == 0 || now.Sub(c.last) < logRest {
		return
	}
	log.Info("Serving changes", "changes", c.count, "example", c.example)
	*c = changeLog{last: now}
}

// due returns what tells when to write, nil when there is nothing to write.
func (c *changeLog) due() <-chan time.Time {
	if c.count == 0 {
		return nil
	}
	return time.After(time.Until(c.last.Add(logRest)))
}
