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

package reports

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/reachability"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

const (
	// maxReplicas is the highest number of dns-servers that are asked.
	maxReplicas = 32
	// askTimeout is how long all of them may take together.
	askTimeout = 3 * time.Second
	// maxHeader is the limit of a response's header, in bytes. A dns-server sends 120.
	maxHeader = 4 << 10
	// maxReason is the length of a logged reason, in characters.
	maxReason = 200
)

// lookup returns a function that looks the dns-servers up in cluster DNS. The search list of a Pod completes the name.
func lookup(namespace string) func(context.Context) ([]netip.Addr, error) {
	return func(ctx context.Context) ([]netip.Addr, error) {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		return net.DefaultResolver.LookupNetIP(ctx, "ip", xccv1.DNSServerReportName+"."+namespace)
	}
}

// replicas asks dns-servers for their reports.
type replicas struct{ client *http.Client }

func newReplicas() *replicas {
	return &replicas{client: &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: maxHeader,
			DialContext: (&net.Dialer{Timeout: askTimeout}).DialContext,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask returns the reports of the dns-servers at the addresses, in no order, and an error for each of the others.
func (r *replicas) ask(ctx context.Context, port string, addresses []netip.Addr) (reports []reachability.Report, failures []error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	addresses = slices.Clone(addresses)
	slices.SortFunc(addresses, netip.Addr.Compare)
	addresses = slices.Compact(addresses)
	addresses = addresses[:min(len(addresses), maxReplicas)]
	var mu sync.Mutex
	var asking sync.WaitGroup
	for _, address := range addresses {
		asking.Go(func() {
			report, err := r.askOne(ctx, net.JoinHostPort(address.Unmap().String(), port))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failures = append(failures, errors.New(text.Line(fmt.Sprintf("%s: %v", address, err), maxReason)))
				return
			}
			reports = append(reports, report)
		})
	}
	asking.Wait()
	return reports, failures
}

func (r *replicas) askOne(ctx context.Context, address string) (reachability.Report, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/report", http.NoBody)
	if err != nil {
		return reachability.Report{}, err
	}
	response, err := r.client.Do(request)
	if err != nil {
		return reachability.Report{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return reachability.Report{}, fmt.Errorf("the status is %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, reachability.MaxBytes+1))
	if err != nil {
		return reachability.Report{}, err
	}
	return reachability.Parse(body)
}
