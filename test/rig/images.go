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
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/image"
)

// PauseImage is the image of the container that keeps a Pod's namespaces.
const PauseImage = "localhost/xcc-rig/pause:v1"

// Image is an image in a tarball for Cluster.LoadImage.
type Image struct {
	Reference string
	Tarball   string
}

// recipe describes how to build an image.
type recipe struct {
	reference func() (string, error)
	config    image.Config
	// files finds or builds the image's files. It may write below the folder.
	files func(ctx context.Context, folder string) ([]image.File, error)
}

// recipes are the images by name. The clients have the commands `resolve NAME`, `get URL` and
// `sleep`. client-glibc also has Debian's /usr/bin/curl.
var recipes = map[string]recipe{
	"pause": {
		reference: fixed(PauseImage),
		config:    image.Config{Entrypoint: []string{"/pause"}},
		files:     pauseFiles,
	},
	"coredns": {
		reference: versioned("registry.k8s.io/coredns/coredns", "coredns"),
		// Root, to bind port 53. The manifest drops all other capabilities.
		config: image.Config{Entrypoint: []string{"/coredns"}, User: "0:0"},
		files:  componentFile("coredns", "/coredns"),
	},
	"caddy": {
		reference: versioned("localhost/xcc-rig/caddy", "caddy"),
		config:    image.Config{Entrypoint: []string{"/caddy"}, Env: []string{"XDG_CONFIG_HOME=/tmp", "XDG_DATA_HOME=/tmp"}},
		files:     componentFile("caddy", "/caddy"),
	},
	"cluster-api-manager": {
		reference: versioned("localhost/xcc-rig/cluster-api-manager", "cluster-api-manager"),
		config:    image.Config{Entrypoint: []string{"/manager"}},
		files:     componentFile("cluster-api-manager", "/manager"),
	},
	"client-musl": {
		reference: fixed("localhost/xcc-rig/client-musl:v1"),
		config:    image.Config{Entrypoint: []string{"/client"}},
		files:     muslClientFiles,
	},
	"client-glibc": {
		reference: fixed("localhost/xcc-rig/client-glibc:v1"),
		config:    image.Config{Entrypoint: []string{"/client"}, Env: []string{"PATH=/usr/bin"}},
		files:     glibcClientFiles,
	},
	"client-go": {
		reference: fixed("localhost/xcc-rig/client-go:v1"),
		config:    image.Config{Entrypoint: []string{"/client"}},
		files:     programFile("./test/images/client-go", "/client"),
	},
	"dnswatch": {
		reference: fixed("localhost/xcc-rig/dnswatch:v1"),
		config:    image.Config{Entrypoint: []string{"/dnswatch"}},
		files:     programFile("./test/cmd/dnswatch", "/dnswatch"),
	},
}

func fixed(reference string) func() (string, error) {
	return func() (string, error) { return reference, nil }
}

func versioned(repository, component string) func() (string, error) {
	return func() (string, error) {
		version, err := components.Version(component)
		return repository + ":" + version, err
	}
}

func componentFile(component, name string) func(context.Context, string) ([]image.File, error) {
	return func(ctx context.Context, _ string) ([]image.File, error) {
		path, err := components.Path(ctx, component)
		return []image.File{{Name: name, Source: path}}, err
	}
}

// BuildImage builds one of the rig's images: pause, coredns, caddy, cluster-api-manager,
// client-musl, client-glibc, client-go or dnswatch. The tarball is cached by its content.
func BuildImage(ctx context.Context, name string) (Image, error) {
	r, ok := recipes[name]
	if !ok {
		return Image{}, fmt.Errorf("the rig has no image %q", name)
	}
	built, err := r.build(ctx, name)
	if err != nil {
		return Image{}, fmt.Errorf("building the image %s: %w", name, err)
	}
	return built, nil
}

func (r recipe) build(ctx context.Context, name string) (Image, error) {
	reference, err := r.reference()
	if err != nil {
		return Image{}, err
	}
	folder, err := os.MkdirTemp("", "xcc-image-")
	if err != nil {
		return Image{}, err
	}
	defer os.RemoveAll(folder)
	files, err := r.files(ctx, folder)
	if err != nil {
		return Image{}, err
	}
	key, err := imageKey(reference, r.config, files)
	if err != nil {
		return Image{}, err
	}
	cache, err := components.CacheDir()
	if err != nil {
		return Image{}, err
	}
	built := Image{Reference: reference, Tarball: filepath.Join(cache, "images", name+"-"+key+".tar")}
	if _, err := os.Stat(built.Tarball); err == nil {
		return built, nil
	}
	img, err := image.Build(r.config, files...)
	if err != nil {
		return Image{}, err
	}
	if err := os.MkdirAll(filepath.Dir(built.Tarball), 0o755); err != nil {
		return Image{}, err
	}
	// Clusters may build the same image concurrently, in one process or several.
	aside, err := os.MkdirTemp(filepath.Dir(built.Tarball), "aside-")
	if err != nil {
		return Image{}, err
	}
	defer os.RemoveAll(aside)
	written := filepath.Join(aside, "image.tar")
	if err := image.WriteTarball(written, reference, img); err != nil {
		return Image{}, err
	}
	return built, os.Rename(written, built.Tarball)
}

// imageKey returns a hash of the image's configuration and files.
func imageKey(reference string, config image.Config, files []image.File) (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s %+v\n", reference, config)
	for _, file := range files {
		content, err := os.Open(file.Source)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(hash, "%s\n", file.Name)
		_, err = io.Copy(hash, content)
		_ = content.Close()
		if err != nil {
			return "", fmt.Errorf("reading %s: %w", file.Source, err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// ImageNames returns the names of all images, sorted.
func ImageNames() []string {
	names := make([]string, 0, len(recipes))
	for name := range recipes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
