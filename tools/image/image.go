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
	"bytes"
	"cmp"
	"fmt"
	"io"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// NonRoot is the default user and group of a container. They are numbers, because kubelet cannot check runAsNonRoot against a
// name, and the image has no /etc/passwd.
const NonRoot = "65532:65532"

// Config is the start of a container of the image.
type Config struct {
	// Architecture is the GOARCH that the files are for. The default is the one of this process.
	Architecture string
	// Entrypoint is the command with its first arguments. It may be empty where every Pod names its command.
	Entrypoint []string
	// Env holds variables as "NAME=value".
	Env []string
	// User is "uid" or "uid:gid". The default is NonRoot.
	User string
}

// Build returns an image for Linux with one layer that holds the files. It fails if a file cannot be read, if its
// name is not absolute and clean, or if two files have the same name.
func Build(config Config, files ...File) (v1.Image, error) {
	content, err := archive(files)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer),
		tarball.WithCompressedCaching,
	)
	if err != nil {
		return nil, fmt.Errorf("making the layer: %w", err)
	}
	img, err := mutate.AppendLayers(blank(), layer)
	if err != nil {
		return nil, fmt.Errorf("adding the layer: %w", err)
	}
	configFile, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	return mutate.ConfigFile(img, config.apply(configFile))
}

// blank returns an image without layers, with the media types of OCI.
func blank() v1.Image {
	return mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

func (c Config) apply(configFile *v1.ConfigFile) *v1.ConfigFile {
	result := configFile.DeepCopy()
	result.OS = "linux"
	result.Architecture = cmp.Or(c.Architecture, runtime.GOARCH)
	result.Created = v1.Time{Time: epoch}
	for i := range result.History {
		result.History[i].Created = v1.Time{Time: epoch}
	}
	result.Config = v1.Config{Entrypoint: c.Entrypoint, Env: c.Env, User: cmp.Or(c.User, NonRoot)}
	return result
}
