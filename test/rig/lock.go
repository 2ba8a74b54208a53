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
	"fmt"
	"io"
	"os"
	"syscall"
)

// lockFile takes a lock without waiting. The kernel unlocks it at the latest when this process
// ends.
func lockFile(path string) (io.Closer, error) {
	return openLocked(path, syscall.LOCK_EX|syscall.LOCK_NB)
}

// lockFileWaiting is lockFile, but waits. Use it for critical sections of milliseconds.
func lockFileWaiting(path string) (io.Closer, error) {
	return openLocked(path, syscall.LOCK_EX)
}

func openLocked(path string, how int) (io.Closer, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return file, nil
}
