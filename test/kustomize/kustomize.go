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

// Package kustomize builds the manifests in config/ for tests, with the kustomize that
// tools/generate/go.mod pins.
package kustomize

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// Build returns the manifests of a folder, such as "config/default". A relative path starts at the
// checkout. clusterctl's variables are not replaced.
func Build(ctx context.Context, folder string) ([]byte, error) {
	root, err := components.CheckoutDir()
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/generate/go.mod", "kustomize", "build", folder)
	command.Dir = root
	manifests, err := command.Output()
	if err != nil {
		var stderr []byte
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			stderr = exit.Stderr
		}
		return nil, fmt.Errorf("building %s: %w: %s", folder, err, stderr)
	}
	return manifests, nil
}
