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

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
)

// recordEvent records a change of the state on this program's Deployment. A failure is logged and not tried again: the
// memory says the same.
func (c *Controller) recordEvent(ctx context.Context, state State, message string) {
	eventType := corev1.EventTypeNormal
	if state.isWarning() {
		eventType = corev1.EventTypeWarning
	}
	uid, err := c.client.deploymentUID(ctx, c.self)
	if err != nil {
		// The Event is worth having without: kubectl get events shows it, kubectl describe does not.
		klog.FromContext(ctx).Error(err, "Failed to read the own Deployment", "Deployment", c.self)
	}
	now := metav1.Now()
	err = c.client.createEvent(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: c.self.Namespace,
			Name:      fmt.Sprintf("%s.%x", c.self.Name, time.Now().UnixNano()),
		},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "apps/v1", Kind: "Deployment", Namespace: c.self.Namespace, Name: c.self.Name, UID: uid,
		},
		Type: eventType, Reason: string(state), Message: message,
		FirstTimestamp: now, LastTimestamp: now, Count: 1,
		Source:              corev1.EventSource{Component: fieldManager},
		ReportingController: fieldManager, ReportingInstance: hostname(),
	})
	if err != nil {
		klog.FromContext(ctx).Error(err, "Failed to record an Event", "reason", state)
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
