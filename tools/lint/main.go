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

// Command lint is golangci-lint with the linter for Kubernetes APIs built in, which is published as a plugin only.
package main

import (
	"fmt"
	"os"
	"runtime"

	"github.com/golangci/golangci-lint/v2/pkg/commands"
	"github.com/golangci/golangci-lint/v2/pkg/exitcodes"
	_ "sigs.k8s.io/kube-api-linter" // Registers the plugin "kubeapilinter".
)

func main() {
	if err := commands.Execute(commands.BuildInfo{Version: "pinned", GoVersion: runtime.Version()}); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(exitcodes.Failure)
	}
}
