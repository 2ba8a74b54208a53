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
	"context"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
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

const (
	// errorBurst is how many errors in a row client-go's informers may log: at the start, each of a thousand clusters that cannot be
	// reached logs one.
	errorBurst = 1000
	// errorsPerSecond is how many there may be in the long run, which are 10 MB of log an hour. A watch that sends 1,600 objects of a
	// wrong type a second would log 1.5 GB.
	errorsPerSecond = 10
)

// boundErrorLog bounds how much the informers of the process log of what API servers answer.
func boundErrorLog() {
	utilruntime.ErrorHandlers = []utilruntime.ErrorHandler{boundedErrorHandler(rate.NewLimiter(errorsPerSecond, errorBurst))}
}

// boundedErrorHandler logs the errors for which the limiter has a token, and says how many it left out before.
func boundedErrorHandler(limiter *rate.Limiter) utilruntime.ErrorHandler {
	var leftOut atomic.Int64
	return func(ctx context.Context, err error, message string, keysAndValues ...any) {
		if !limiter.AllowN(time.Now(), 1) {
			leftOut.Add(1)
			return
		}
		if n := leftOut.Swap(0); n > 0 {
			keysAndValues = append(keysAndValues, "leftOut", n)
		}
		klog.FromContext(ctx).Error(remote.Safe(err), message, keysAndValues...)
	}
}
