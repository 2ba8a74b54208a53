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

// Package fair shares the workers of a controller between the namespaces of the management cluster.
//
// The usual work queue is first in, first out: a namespace with 10,000 objects that change all the time makes
// everyone else wait for 10,000 reconciles, and one with a few slow objects holds every worker. A queue of this
// package
//
//   - serves the namespace with the fewest running reconciles first, and namespaces with equally many in turn, so that one
//     change waits for at most one reconcile of each other namespace, however many requests those have;
//   - always leaves workers free for a namespace that has none yet: see share.
//
// Within a namespace, changes come before the initial list and resyncs, as in controller-runtime's priority queue,
// and are otherwise first in, first out. Across namespaces there are no priorities, because a tenant could hold them
// all the time.
//
// The queue looks only at the namespace of a request. It does not make a slow reconcile faster: Options
// also set the deadline that ends it.
package fair
