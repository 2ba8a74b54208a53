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

// Package alias knows the addresses of the names outside of our zones that aliases point at.
//
// A pod's resolver does not chase a CNAME: whoever answers for a name that is an alias has to add the addresses of its target.
// A Resolver asks the resolvers of the node for them, keeps them for their TTL and asks again before that is over, so that
// a query hardly ever waits. When a lookup fails, the last good addresses are kept, for a time that is bounded: what is
// not known is not deleted.
//
// All is bounded: lookups that run at a time, how long each takes, how long a query waits for one, the length of a chain
// of aliases, the records that are read of a response and the addresses that are served of it. Addresses that must not be
// published are left out, and a chain that leads back into our zones is not followed: whoever answers for a target may lie.
//
// A resolver that hangs on one name holds up no other, because each name and type is looked up by itself, as long as fewer
// than 512 lookups hang at a time. Where more do, a lookup waits for its turn, up to 4 seconds for each 512 before it; what
// waits is an entry of a list. Of the queries that wait for one name and type, 100 do.
// Targets that nobody asks for are not looked up again.
package alias
