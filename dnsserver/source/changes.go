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

// logRest is the shortest time between two log lines about changes.
const logRest = time.Second

// changeLog logs changes in few lines, so that a burst does not fill the log.
type changeLog struct {
	// count is the number of changed names since the last line, and example is one of them.
	count   int
	example string
	last    time.Time
}

// add counts a changed name.
func (c *changeLog) add(name string) {
	if c.count++; c.count == 1 {
		c.example = name
	}
}

// write logs the changes, unless there are none or the last line is too recent: see due.
func (c *changeLog) write(log klog.Logger, now time.Time) {
	if c.count == 0 || now.Sub(c.last) < logRest {
		return
	}
	log.Info("Serving changes", "changes", c.count, "example", c.example)
	*c = changeLog{last: now}
}

// due returns a channel that fires when write should run, nil if there are no changes.
func (c *changeLog) due() <-chan time.Time {
	if c.count == 0 {
		return nil
	}
	return time.After(time.Until(c.last.Add(logRest)))
}
