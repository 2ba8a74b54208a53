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

package controller

import (
	"context"
	"maps"
)

// remember stores the values in the memory and in the observation. It sends nothing when they are there.
func (c *Controller) remember(ctx context.Context, o *observation, values map[string]string) error {
	if o.memory == nil {
		created, err := c.createMemory(ctx, values)
		if err != nil {
			return err
		}
		o.memory = created
		return nil
	}
	remembered := dataOf(o.memory)
	changed := maps.Clone(values)
	// A key that is not there is as good as an empty one.
	maps.DeleteFunc(changed, func(key, value string) bool { return remembered[key] == value })
	if len(changed) == 0 {
		return nil
	}
	updated, err := c.updateConfigMap(ctx, o.memory, changed)
	if err != nil {
		return err
	}
	o.memory = updated
	return nil
}
