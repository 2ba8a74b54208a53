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

package report

import (
	"net/http"
	"sync"
	"time"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
)

// Path is the path of the report.
const Path = "/report"

// maxAge is how long a report is served again. It bounds the work for a client that asks in a loop.
const maxAge = time.Second

// Of returns the report on the gateways of the verdicts. A gateway is down if all of its probed addresses of the deciding family
// are. IPv4 decides if an IPv4 address is probed, as it does for answers.
func Of(verdicts []reach.Verdict) reachability.Report {
	gateways := map[string]*gateway{}
	for i := range verdicts {
		verdict := &verdicts[i]
		if !verdict.IsProbed {
			continue
		}
		of := gateways[verdict.Target.Gateway]
		if of == nil {
			of = &gateway{}
			gateways[verdict.Target.Gateway] = of
		}
		if verdict.Target.Address.Unmap().Is4() {
			of.ipv4.add(verdict.Status)
		} else {
			of.ipv6.add(verdict.Status)
		}
	}
	isUp := make(map[reachability.Key]bool, len(gateways))
	for hostname, of := range gateways {
		deciding := of.ipv4
		if deciding == (addresses{}) {
			deciding = of.ipv6
		}
		switch {
		case deciding.up > 0:
			isUp[reachability.KeyOf(hostname)] = true
		case deciding.unknown == 0:
			isUp[reachability.KeyOf(hostname)] = false
		}
	}
	return reachability.New(isUp)
}

// gateway holds the probed addresses of a gateway.
type gateway struct{ ipv4, ipv6 addresses }

// addresses are the numbers of addresses by status.
type addresses struct{ up, down, unknown int }

func (a *addresses) add(status reach.Status) {
	switch status {
	case reach.Up:
		a.up++
	case reach.Down:
		a.down++
	case reach.Unknown:
		a.unknown++
	}
}

// Handler returns a handler that serves the report on the current verdicts at Path.
func Handler(verdicts func() []reach.Verdict) http.Handler {
	cached := &cache{verdicts: verdicts, now: time.Now}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+Path, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(cached.report())
	})
	return mux
}

// cache holds an encoded report until it is older than maxAge.
type cache struct {
	verdicts func() []reach.Verdict
	now      func() time.Time

	mu      sync.Mutex
	encoded []byte
	at      time.Time
}

func (c *cache) report() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); c.encoded == nil || now.Sub(c.at) >= maxAge {
		c.encoded, c.at = Of(c.verdicts()).Encode(), now
	}
	return c.encoded
}
