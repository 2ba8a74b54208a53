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

package fleet

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// Zone is the DNS zone of all managers.
	Zone = "xcc.test"
	// Soon is how long a test waits for what watches bring about, on a machine that is busy with other tests.
	Soon = 2 * time.Minute
	// polling is how often a test looks. Gomega's 10 ms would take most of the processor time when several tests wait.
	polling = 50 * time.Millisecond
	// Reconnected is how long clustercache may take to try a kubeconfig again, every 30 seconds.
	Reconnected = 3 * time.Minute
)

// parallel is how many tests of a package run at the same time unless -parallel says otherwise. They wait for API servers and
// timers most of the time, so it is more than there are cores.
const parallel = "6"

// Main runs the tests of a package and ends the API servers that they started.
func Main(m *testing.M) {
	klog.SetOutput(os.Stderr)
	ctrl.SetLogger(klog.Background())
	flag.Parse()
	if !isSet("test.parallel") {
		if err := flag.Set("test.parallel", parallel); err != nil {
			fmt.Fprintln(os.Stderr, "Setting -parallel:", err)
			os.Exit(2)
		}
	}
	code := m.Run()
	stopAll()
	os.Exit(code)
}

// isSet returns whether a flag was given on the command line.
func isSet(name string) bool {
	set := false
	flag.Visit(func(f *flag.Flag) { set = set || f.Name == name })
	return set
}
