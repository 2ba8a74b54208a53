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

// Package endpoints serves the health and diagnostics endpoints of the manager within the limits of
// internal/httpserver.
//
// controller-runtime's own servers read headers of up to 1 MB and accept any number of connections, and neither can
// be configured. Add replaces them with the same paths, TLS, authentication and authorization, so set both of their
// addresses to Disabled. The only difference for clients is that HTTPS is HTTP/1.1 here.
package endpoints
