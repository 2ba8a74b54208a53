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

package manager

import (
	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
)

// clusterCacheLog returns the loggers of clustercache's reconciles. clustercache logs why a connection fails, and its errors
// quote whatever the server answered: only what can be said of a server that is not trusted is logged.
func clusterCacheLog(log logr.Logger) func(*reconcile.Request) logr.Logger {
	log = log.WithSink(&safeSink{LogSink: log.GetSink()}).WithValues("controller", "clustercache")
	return func(request *reconcile.Request) logr.Logger {
		if request == nil {
			return log
		}
		return log.WithValues("Cluster", klog.KRef(request.Namespace, request.Name))
	}
}

// safeSink logs errors as remote.Describe says them.
type safeSink struct{ logr.LogSink }

func (s *safeSink) Error(err error, message string, keysAndValues ...any) {
	s.LogSink.Error(remote.Safe(err), message, keysAndValues...)
}

func (s *safeSink) WithValues(keysAndValues ...any) logr.LogSink {
	return &safeSink{LogSink: s.LogSink.WithValues(keysAndValues...)}
}

func (s *safeSink) WithName(name string) logr.LogSink {
	return &safeSink{LogSink: s.LogSink.WithName(name)}
}
