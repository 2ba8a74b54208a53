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

package wire

import "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/zone"

// ahead are the names of a batch, which are read before any of it is answered: see zone.Snapshot.Prefetch.
type ahead struct {
	space [batchSize][maxName]byte
	names [batchSize][]byte
}

// prefetch lets the processor have at hand what the first packets of a batch ask for.
func (a *ahead) prefetch(snapshot *zone.Snapshot, in *inbox, n int) {
	if snapshot == nil {
		return
	}
	names := a.names[:0]
	for i := range n {
		if size, _, ok := parsePlainName(in.packet(i), &a.space[i]); ok {
			names = append(names, a.space[i][:size])
		}
	}
	snapshot.Prefetch(names)
}
