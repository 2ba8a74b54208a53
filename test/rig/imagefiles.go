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

package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/image"
)

// sourceOf returns the path of a source below test/images.
func sourceOf(elements ...string) (string, error) {
	checkout, err := components.CheckoutDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(append([]string{checkout, "test", "images"}, elements...)...), nil
}

func pauseFiles(ctx context.Context, folder string) ([]image.File, error) {
	program, err := compileC(ctx, folder, []string{"musl-gcc", "-static"}, "pause", "pause.c")
	return []image.File{{Name: "/pause", Source: program}}, err
}

func muslClientFiles(ctx context.Context, folder string) ([]image.File, error) {
	program, err := compileC(ctx, folder, []string{"musl-gcc", "-static"}, "client", "client.c")
	return []image.File{{Name: "/client", Source: program}}, err
}

// compileC compiles a source of test/images into the folder.
func compileC(ctx context.Context, folder string, compiler []string, source ...string) (string, error) {
	path, err := sourceOf(source...)
	if err != nil {
		return "", err
	}
	program := filepath.Join(folder, "program")
	args := append(slices.Clone(compiler[1:]), "-O2", "-s", "-Wall", "-Wextra", "-Werror", "-o", program, path)
	_, err = run(ctx, compiler[0], args...)
	return program, err
}

// glibcClientFiles returns the client and curl with this machine's shared libraries, including
// those that glibc loads at run time. Each has the same path as on this machine.
func glibcClientFiles(ctx context.Context, folder string) ([]image.File, error) {
	program, err := compileC(ctx, folder, []string{"gcc"}, "client", "client.c")
	if err != nil {
		return nil, err
	}
	curl, err := exec.LookPath("curl")
	if err != nil {
		return nil, fmt.Errorf("looking for curl: %w", err)
	}
	order := filepath.Join(folder, "nsswitch.conf")
	if err := os.WriteFile(order, []byte("hosts: files dns\n"), 0o600); err != nil {
		return nil, err
	}
	files := []image.File{
		{Name: "/client", Source: program},
		{Name: "/usr/bin/curl", Source: curl},
		{Name: "/etc/nsswitch.conf", Source: order},
	}
	libraries, err := librariesOf(ctx, program, curl)
	if err != nil {
		return nil, err
	}
	for _, library := range libraries {
		files = append(files, image.File{Name: library, Source: library})
	}
	return files, nil
}

// librariesOf returns the paths of the programs' shared libraries, including the loader and those
// that glibc's resolver opens at run time.
func librariesOf(ctx context.Context, programs ...string) ([]string, error) {
	out, err := run(ctx, "ldd", programs...)
	if err != nil {
		return nil, err
	}
	var libraries []string
	for line := range strings.SplitSeq(out, "\n") {
		// "libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x7f…)" or "/lib64/ld-linux-x86-64.so.2
		// (0x7f…)"
		for field := range strings.FieldsSeq(line) {
			if filepath.IsAbs(field) && !strings.HasSuffix(field, ":") {
				libraries = append(libraries, filepath.Clean(field))
			}
		}
	}
	for _, library := range libraries {
		if filepath.Base(library) != "libc.so.6" {
			continue
		}
		for _, name := range []string{"libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2"} {
			beside := filepath.Join(filepath.Dir(library), name)
			if _, err := os.Stat(beside); err == nil {
				libraries = append(libraries, beside)
			}
		}
		break
	}
	slices.Sort(libraries)
	return slices.Compact(libraries), nil
}

// programFile returns a function that builds a main package of this checkout for an image.
func programFile(pkg, name string) func(context.Context, string) ([]image.File, error) {
	return func(ctx context.Context, folder string) ([]image.File, error) {
		program := filepath.Join(folder, "program")
		if err := buildOurs(ctx, pkg, program); err != nil {
			return nil, err
		}
		return []image.File{{Name: name, Source: program}}, nil
	}
}

// buildOurs builds a static binary of a main package of this checkout.
func buildOurs(ctx context.Context, pkg, output string) error {
	checkout, err := components.CheckoutDir()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, pkg)
	cmd.Dir = checkout
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly -buildvcs=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}
