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
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"
)

// recordEvent records a change of the state on this program's Deployment. A failure is logged and not tried again: the
// memory says the same.
func (c *Controller) recordEvent(ctx context.Context, state State, message string) {
	log := klog.FromContext(ctx)
	about := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": c.self.Namespace, "name": c.self.Name}
	deployment, err := c.client.Resource(deployments).Namespace(c.self.Namespace).Get(ctx, c.self.Name, metav1.GetOptions{})
	if err != nil {
		// The Event is worth having without: kubectl get events shows it, kubectl describe does not.
		log.Error(err, "Failed to read the own Deployment", "Deployment", c.self)
	} else {
		about["uid"] = string(deployment.GetUID())
	}
	now := time.Now().UTC()
	event := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata":       map[string]any{"name": fmt.Sprintf("%s.%x", c.self.Name, now.UnixNano())},
		"involvedObject": about,
		"type":           state.eventType(), "reason": string(state), "message": message,
		"firstTimestamp": now.Format(time.RFC3339), "lastTimestamp": now.Format(time.RFC3339), "count": int64(1),
		"source":             map[string]any{"component": fieldManager},
		"reportingComponent": fieldManager, "reportingInstance": hostname(),
	}}
	_, err = c.client.Resource(events).Namespace(c.self.Namespace).
		Create(ctx, event, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil {
		log.Error(err, "Failed to record an Event", "reason", state)
	}
}

// hostname is the Pod's name.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return fieldManager
	}
	return name
}
