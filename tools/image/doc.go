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

// Package image builds container images from files alone: without a base image, a shell, a package manager or a container
// engine. A static binary needs nothing else.
//
//	img, err := image.Build(image.Config{Entrypoint: []string{"/manager"}}, image.File{Name: "/manager", Source: "bin/manager"})
//	...
//	err = image.WriteTarball("manager.tar", "registry.example/manager:v1", img)
//
// The same files give the same image, bit by bit: entries are sorted, belong to root and have one fixed time. The images hold no
// CA certificates; a program that needs them adds them as a file.
//
// An image is held in memory while it is built, which suits binaries of tens of megabytes.
package image
