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

package controlplane

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// tetheredPath returns the path of an executable that runs the component and ends it with its
// parent process. It is a script, because envtest accepts only a path.
func tetheredPath(ctx context.Context, name string) (string, error) {
	tether, err := components.Path(ctx, "tether")
	if err != nil {
		return "", fmt.Errorf("getting tether: %w", err)
	}
	program, err := components.Path(ctx, name)
	if err != nil {
		return "", fmt.Errorf("getting %s: %w", name, err)
	}
	// The folder's name is the program's key, and the script's name has that of tether.
	script := fmt.Sprintf("%s.tethered-%s", program, filepath.Base(filepath.Dir(tether)))
	if _, err := os.Stat(script); err == nil {
		return script, nil
	}
	if err := writeScript(script, fmt.Sprintf("#!/bin/sh\nexec '%s' '%s' \"$@\"\n", tether, program)); err != nil {
		return "", fmt.Errorf("writing %s: %w", script, err)
	}
	return script, nil
}

// writeScript writes a temporary file and renames it, because other test processes may run the
// script.
func writeScript(path, content string) error {
	aside := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(aside, []byte(content), 0o755); err != nil {
		return err
	}
	return os.Rename(aside, path)
}
