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

// Package history builds programs from older commits of this repository, for tests of two releases
// side by side. The programs are kept in components.CacheDir.
package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// BeforeTargets is the last commit whose programs know host names only in slices of type FQDN.
const BeforeTargets = "08ab3caacd9a084af8c82209ec53cc70b0a621ec"

// ErrNoHistory is returned if the checkout does not have the commit, such as a source archive or a
// shallow clone.
var ErrNoHistory = errors.New("the history of the checkout does not have the commit")

// Program returns the path of a program of a commit, such as dns-server. The first call builds it. It
// returns ErrNoHistory if the checkout does not have the commit.
func Program(ctx context.Context, commit, name string) (string, error) {
	cache, err := components.CacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "history", name+"-"+commit)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	checkout, err := components.CheckoutDir()
	if err != nil {
		return "", err
	}
	sources, err := os.MkdirTemp("", "former-")
	if err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(sources)
	if err := extract(ctx, checkout, commit, sources); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	return path, Build(ctx, sources, name, path)
}

// Build builds a program of a checkout.
func Build(ctx context.Context, checkout, name, path string) error {
	// The rename is atomic, so two tests can build it concurrently.
	built := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s-%d", name, os.Getpid()))
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", built, "./cmd/"+name)
	command.Dir = checkout
	command.Env = append(os.Environ(), "CGO_ENABLED=0") // The image has no C library.
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w: %s", name, err, out)
	}
	return os.Rename(built, path)
}

// extract writes the files of a commit to a folder.
func extract(ctx context.Context, checkout, commit, folder string) error {
	if err := exec.CommandContext(ctx, "git", "-C", checkout, "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		return fmt.Errorf("%w %s: %w", ErrNoHistory, commit, err)
	}
	archive, err := exec.CommandContext(ctx, "git", "-C", checkout, "archive", "--format=tar", commit).Output()
	if err != nil {
		return fmt.Errorf("reading commit %s: %w", commit, err)
	}
	untar := exec.CommandContext(ctx, "tar", "--extract", "--directory", folder)
	untar.Stdin = bytes.NewReader(archive)
	if out, err := untar.CombinedOutput(); err != nil {
		return fmt.Errorf("extracting commit %s: %w: %s", commit, err, out)
	}
	return nil
}
