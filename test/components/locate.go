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
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// dir is the folder of the component's Go module.
func (c component) dir() (string, error) {
	root, err := root()
	if err != nil {
		return "", err
	}
	return filepath.Join(root, c.folder), nil
}

// root returns the folder of this package's source. For a binary built with -trimpath, it looks in
// the checkout around the working directory.
func root() (string, error) {
	const marker = "kubernetes/go.mod"
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if dir := filepath.Dir(file); exists(filepath.Join(dir, marker)) {
			return dir, nil
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the checkout: %w", err)
	}
	for {
		if candidate := filepath.Join(dir, "test", "components"); exists(filepath.Join(candidate, marker)) {
			return candidate, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("found no test/components around the working directory: run inside the checkout")
		}
		dir = parent
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// CacheDir returns the folder for files that all checkouts share: $XCC_CACHE, or xcc in the user's
// cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("XCC_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache folder (set XCC_CACHE to name one): %w", err)
	}
	return filepath.Join(dir, "xcc"), nil
}

// CheckoutDir returns the root folder of the checkout.
func CheckoutDir() (string, error) {
	dir, err := root()
	if err != nil {
		return "", err
	}
	return filepath.Dir(filepath.Dir(dir)), nil
}
