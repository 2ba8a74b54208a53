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

// Package alias resolves alias targets outside our zones.
//
// The resolver in a pod does not follow a CNAME, so the answer for an alias must include the
// addresses of its target. A Resolver queries the resolvers of the node, caches the addresses for
// their TTL, and refreshes them earlier, so that queries rarely wait. If a lookup fails, it serves
// the last good addresses for a limited time.
//
// Everything is bounded: concurrent lookups, the time of each lookup, the time for which a query
// waits, the length of a chain of aliases, the records that are read, and the addresses that are
// served. Some addresses must not be published, and no chain may lead back into our zones: the
// server that answers for a target may be hostile.
//
// Each name and type has its own lookup, so a resolver that hangs on one name does not delay
// others. At most 512 lookups run at a time. Further ones queue, for up to 4 seconds per 512
// lookups ahead of them. At most 100 queries wait for one name and type. Targets without queries
// are not refreshed.
package alias
