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

// Package coredns runs the real CoreDNS in a network namespace, in which port 53 is free, and sends
// queries to it.
//
//	network := coredns.NewNetwork(t)
//	network.Serve(t, "192.0.2.1:53", handler) // the upstream
//	server, output := network.Start(t, folder)
//	response, err := server.Ask("10.0.0.10:53", "udp", query)
//
// All of 10.0.0.0/8, 127.0.0.0/8, 169.254.0.0/16, 192.0.2.0/24 and ::1 is local to the network, so
// a Corefile may bind to any of these addresses and forward to any of them.
//
// Creating a network namespace requires root. For other users, Isolated runs the test as root of a
// user namespace.
package coredns
