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

package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// epoch is the time of all entries of an image, so that the time of the build does not change the digest.
var epoch = time.Unix(0, 0).UTC()

// File is a regular file of an image.
type File struct {
	// Name is its absolute path in the image, for example "/manager".
	Name string
	// Source is the path of the file to copy. A symbolic link is followed. What is executable there is 0755 in the
	// image, anything else 0644.
	Source string
}

// archive returns a tar file with the files and their parent folders, sorted by name.
func archive(files []File) ([]byte, error) {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })

	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	written := map[string]bool{"/": true}
	for _, file := range files {
		if err := file.check(written); err != nil {
			return nil, err
		}
		if err := writeFolders(writer, path.Dir(file.Name), written); err != nil {
			return nil, err
		}
		if err := file.write(writer); err != nil {
			return nil, err
		}
		written[file.Name] = true
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("closing the layer: %w", err)
	}
	return buffer.Bytes(), nil
}

func (f File) check(written map[string]bool) error {
	switch {
	case !path.IsAbs(f.Name) || path.Clean(f.Name) != f.Name:
		return fmt.Errorf("the name of a file in an image is an absolute, clean path, not %q", f.Name)
	case written[f.Name]:
		return fmt.Errorf("the image has %s twice", f.Name)
	}
	return nil
}

// writeFolders writes the folder and its parents, unless they are written.
func writeFolders(writer *tar.Writer, folder string, written map[string]bool) error {
	if written[folder] {
		return nil
	}
	if err := writeFolders(writer, path.Dir(folder), written); err != nil {
		return err
	}
	written[folder] = true
	header := &tar.Header{
		Typeflag: tar.TypeDir, Name: entryName(folder) + "/", Mode: 0o755, ModTime: epoch, Format: tar.FormatPAX,
	}
	if err := writer.WriteHeader(header); err != nil {
		return fmt.Errorf("adding the folder %s to the layer: %w", folder, err)
	}
	return nil
}

func (f File) write(writer *tar.Writer) error {
	content, err := os.ReadFile(f.Source)
	if err != nil {
		return fmt.Errorf("reading what becomes %s in the image: %w", f.Name, err)
	}
	mode, err := f.mode()
	if err != nil {
		return err
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: entryName(f.Name), Size: int64(len(content)), Mode: mode, ModTime: epoch,
		Format: tar.FormatPAX,
	}
	if err := writer.WriteHeader(header); err != nil {
		return fmt.Errorf("adding %s to the layer: %w", f.Name, err)
	}
	if _, err := writer.Write(content); err != nil {
		return fmt.Errorf("writing %s to the layer: %w", f.Name, err)
	}
	return nil
}

// mode returns 0755 for an executable source and 0644 for others: a umask must not change the digest.
func (f File) mode() (int64, error) {
	info, err := os.Stat(f.Source)
	if err != nil {
		return 0, fmt.Errorf("reading the mode of what becomes %s in the image: %w", f.Name, err)
	}
	if info.Mode().Perm()&0o111 != 0 {
		return 0o755, nil
	}
	return 0o644, nil
}

// entryName returns the name of a path in a layer, which is relative to the root.
func entryName(name string) string {
	return strings.TrimPrefix(name, "/")
}
