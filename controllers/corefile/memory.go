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

package corefile

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Keys of the memory ConfigMap, which is called as this program.
const (
	keyState   = "state"
	keyMessage = "message"
	keyWritten = "written"
)

// remembered returns a value of the memory, which is empty when there is none.
func (o observation) remembered(key string) string {
	if o.memory == nil {
		return ""
	}
	return o.memory.Data[key]
}

// remember stores the values in the memory and in the observation. It sends nothing when they are there.
func (c *Controller) remember(ctx context.Context, o *observation, values map[string]string) error {
	if o.memory == nil {
		created, err := c.client.createConfigMap(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: c.self.Namespace, Name: c.self.Name},
			Data:       values,
		})
		if err != nil {
			return err
		}
		o.memory = created
		return nil
	}
	memory := o.memory.DeepCopy()
	if memory.Data == nil {
		memory.Data = map[string]string{}
	}
	maps.Copy(memory.Data, values)
	if maps.Equal(memory.Data, o.memory.Data) {
		return nil
	}
	updated, err := c.client.updateConfigMap(ctx, memory)
	if err != nil {
		return err
	}
	o.memory = updated
	return nil
}
