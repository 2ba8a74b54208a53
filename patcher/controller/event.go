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
	"fmt"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// recordEvent records a change of the state on this program's Deployment. A failure is logged and not tried again: the
// memory says the same.
func (c *Controller) recordEvent(ctx context.Context, state report.State, message string) {
	about := map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": c.self.Namespace, "name": c.self.Name}
	if deployment := c.deployment.get(); deployment != nil {
		about["uid"] = string(deployment.GetUID())
	}
	now := time.Now().UTC()
	event := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Event",
		"metadata":       map[string]any{"name": fmt.Sprintf("%s.%x", c.self.Name, now.UnixNano())},
		"involvedObject": about,
		"type":           eventType(state), "reason": string(state), "message": message,
		"firstTimestamp": now.Format(time.RFC3339), "lastTimestamp": now.Format(time.RFC3339), "count": int64(1),
		"source":             map[string]any{"component": fieldManager},
		"reportingComponent": fieldManager, "reportingInstance": hostname(),
	}}
	_, err := c.client.Resource(events).Namespace(c.self.Namespace).
		Create(ctx, event, metav1.CreateOptions{FieldManager: fieldManager})
	if err != nil {
		klog.FromContext(ctx).Error(err, "Failed to record an Event", "reason", state)
	}
}

// eventType is Warning where somebody has to do something.
func eventType(state report.State) string {
	switch state {
	case report.Forwarding, report.WaitingForService, report.WaitingForConfigMap, report.Removed:
		return "Normal"
	}
	return "Warning"
}

// hostname is the Pod's name.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return fieldManager
	}
	return name
}
