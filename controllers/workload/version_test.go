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

package workload_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/workload/workloadtest"
)

// versionServer is an API server of which only the version is asked.
type versionServer struct {
	*httptest.Server
	answer atomic.Value
	asked  atomic.Int64
}

func newVersionServer(t *testing.T, answer string) *versionServer {
	t.Helper()
	s := &versionServer{}
	s.answer.Store(answer)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, s.answer.Load().(string))
	}))
	t.Cleanup(s.Close)
	return s
}

func TestTheVersionIsAskedForOnceUnlessItIsTooOld(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer   string
		reported string
		askAgain bool
	}{
		"supported":           {answer: `{"gitVersion":"v1.37.2"}`, reported: "v1.37.2"},
		"too old":             {answer: `{"gitVersion":"v1.27.3"}`, reported: "v1.27.3", askAgain: true},
		"no version":          {answer: `{}`, askAgain: true},
		"no JSON":             {answer: `<html>`, askAgain: true},
		"another type":        {answer: `{"gitVersion":[1]}`, askAgain: true},
		"an endless version":  {answer: `{"gitVersion":"` + strings.Repeat("1.", 1<<20) + `"}`, askAgain: true},
		"behind endless text": {answer: strings.Repeat(" ", 1<<20) + `{"gitVersion":"v1.37.2"}`, askAgain: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			server := newVersionServer(t, test.answer)
			view := workloadtest.Connected(t, configs{"a": &rest.Config{Host: server.URL}}, workload.DefaultLimits(), cluster).View("test")
			var now atomic.Int64
			workload.SetClock(view.Clusters, func() time.Time { return time.Unix(now.Load(), 0) })
			now.Store(1000)

			ask := func() string { return view.KubernetesVersion(t.Context(), cluster) }
			g.Expect(ask()).To(BeEmpty(), "nobody waits for an answer")
			g.Eventually(server.asked.Load).WithTimeout(10 * time.Second).Should(BeEquivalentTo(1))
			g.Eventually(ask).WithTimeout(10 * time.Second).Should(Equal(test.reported))
			now.Add(int64((9 * time.Minute).Seconds()))
			g.Consistently(func() int64 { ask(); return server.asked.Load() }, 200*time.Millisecond).Should(BeEquivalentTo(1))
			now.Add(int64((2 * time.Minute).Seconds()))
			if !test.askAgain {
				g.Consistently(func() int64 { ask(); return server.asked.Load() }, 200*time.Millisecond).Should(BeEquivalentTo(1))
				return
			}
			server.answer.Store(`{"gitVersion":"v1.28.0"}`)
			g.Eventually(ask).WithTimeout(10*time.Second).Should(Equal("v1.28.0"), "the cluster was upgraded")
			g.Expect(server.asked.Load()).To(BeEquivalentTo(2))
		})
	}
}

// A cluster that takes a connection and never answers delays nobody.
func TestAVersionThatNeverArrivesIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	hung, release := context.WithCancel(context.Background())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hung.Done() }))
	t.Cleanup(server.Close)
	t.Cleanup(release)
	view := workloadtest.Connected(t, configs{"a": &rest.Config{Host: server.URL}}, workload.DefaultLimits(), cluster).View("test")
	began := time.Now()
	for range 100 {
		g.Expect(view.KubernetesVersion(t.Context(), cluster)).To(BeEmpty())
	}
	g.Expect(time.Since(began)).To(BeNumerically("<", 5*time.Second), "a call takes 5 s to end")
}

// What depends on the version waits for it, but not for an API server that does not tell.
func TestAReadingIsWokenWhenTheVersionIsKnownOrCannotBe(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{`{"gitVersion":"v1.37.2"}`: "v1.37.2", `{"gitVersion":"v1.20.1"}`: "v1.20.1", `<html>`: "", `{}`: ""} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			server := newVersionServer(t, answer)
			view := workloadtest.Connected(t, configs{"a": &rest.Config{Host: server.URL}}, workload.DefaultLimits(), cluster).View("test")
			queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			t.Cleanup(queue.ShutDown)
			g.Expect(view.Source().Start(t.Context(), queue)).To(Succeed())
			reading, err := view.Begin(t.Context(), cluster)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = reading.KubernetesVersion()
			g.Expect(err).To(MatchError(workload.ErrNotSynced))
			g.Eventually(queue.Len).WithTimeout(10*time.Second).Should(Equal(1), "it is woken")
			version, err := reading.KubernetesVersion()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(version).To(Equal(want))
			g.Expect(server.asked.Load()).To(BeEquivalentTo(1))
		})
	}
}
