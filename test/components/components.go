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

package components

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Path returns the path of the component's static binary. If the cache does not have it, Path
// builds it and reports the progress on standard error, because a first build takes minutes.
// Several processes may call it concurrently: one builds, and the others wait.
func Path(ctx context.Context, name string) (string, error) {
	b, err := plan(ctx, name)
	if err != nil {
		return "", err
	}
	if exists(b.path) {
		return b.path, nil
	}
	if err := os.MkdirAll(filepath.Dir(b.path), 0o755); err != nil {
		return "", fmt.Errorf("making a place for %s: %w", name, err)
	}
	unlock, err := lock(ctx, b.path+".lock", name)
	if err != nil {
		return "", err
	}
	defer unlock()
	if exists(b.path) {
		return b.path, nil
	}
	if err := b.run(ctx); err != nil {
		return "", fmt.Errorf("building %s: %w", name, err)
	}
	return b.path, nil
}

// build is a planned build.
type build struct {
	name string
	dir  string
	args []string
	path string
}

// plan returns the build of a component. The key of a binary is a hash of its inputs: the module's
// files, the flags, the toolchain and the platform. go.mod and go.sum pin the sources of upstream
// modules.
func plan(ctx context.Context, name string) (build, error) {
	c, err := find(name)
	if err != nil {
		return build{}, err
	}
	if c.pkg == "" {
		return build{}, fmt.Errorf("%s is not a program: programs are %s", name, strings.Join(Names(), ", "))
	}
	dir, err := c.dir()
	if err != nil {
		return build{}, err
	}
	version, err := c.version(dir)
	if err != nil {
		return build{}, err
	}
	cache, err := CacheDir()
	if err != nil {
		return build{}, err
	}
	b := build{
		name: name,
		dir:  dir,
		args: []string{"build", "-trimpath", "-ldflags", c.linkerFlags(version), c.pkg},
	}
	key, err := b.key(ctx)
	if err != nil {
		return build{}, fmt.Errorf("computing the key of %s: %w", name, err)
	}
	b.path = filepath.Join(cache, "bin", key, name)
	return b, nil
}

func (b build) key(ctx context.Context) (string, error) {
	hash := sha256.New()
	files, err := filepath.Glob(filepath.Join(b.dir, "*"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(content), content)
	}
	toolchain, err := goCommand(ctx, b.dir, "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("asking go for its version: %w", err)
	}
	fmt.Fprintf(hash, "%q %s %s/%s", b.args, toolchain, runtime.GOOS, runtime.GOARCH)
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// run builds a temporary file and renames it, so that no process runs an incomplete binary.
func (b build) run(ctx context.Context) error {
	fmt.Fprintf(os.Stderr, "components: building %s (kept in %s)\n", b.name, filepath.Dir(b.path))
	started := time.Now()
	done := make(chan struct{})
	defer close(done)
	go reportProgress(done, b.name, started)

	aside := fmt.Sprintf("%s.%d", b.path, os.Getpid())
	defer os.Remove(aside)
	args := append([]string{b.args[0], "-o", aside}, b.args[1:]...)
	if out, err := goCommand(ctx, b.dir, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	if err := os.Rename(aside, b.path); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "components: built %s in %s\n", b.name, time.Since(started).Round(time.Second))
	return nil
}

// reportProgress reports that a long build is still running.
func reportProgress(done <-chan struct{}, name string, started time.Time) {
	tick := time.NewTicker(20 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			fmt.Fprintf(os.Stderr, "components: still building %s (%s)\n", name, time.Since(started).Round(time.Second))
		}
	}
}

// goCommand returns a go command for one of the modules here, independent of the caller's folder,
// workspace and flags.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-mod=readonly -buildvcs=false",
		"GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	return cmd
}

// SourceDir returns the folder with the sources of the component's module, and downloads it if
// necessary. It is used for Cluster API's manifests.
func SourceDir(ctx context.Context, name string) (string, error) {
	c, err := find(name)
	if err != nil {
		return "", err
	}
	if c.module == "" {
		return "", fmt.Errorf("%s has no upstream module", name)
	}
	dir, err := c.dir()
	if err != nil {
		return "", err
	}
	out, err := goCommand(ctx, dir, "mod", "download", "-json", c.module).Output()
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", c.module, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return "", fmt.Errorf("parsing the output of go mod download for %s: %w", c.module, err)
	}
	return module.Dir, nil
}

// ClusterAPIConfig returns the folder with the manifests of Cluster API's core provider, such as
// crd and default.
func ClusterAPIConfig(ctx context.Context) (string, error) {
	source, err := SourceDir(ctx, "cluster-api-manager")
	if err != nil {
		return "", err
	}
	// Before v1.14, the manifests were at the top of the module.
	for _, folder := range []string{filepath.Join(source, "core", "config"), filepath.Join(source, "config")} {
		if exists(folder) {
			return folder, nil
		}
	}
	return "", fmt.Errorf("found no manifests of Cluster API in %s", source)
}
