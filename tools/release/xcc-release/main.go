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

// Command xcc-release writes what a release consists of. It is run by the Makefile:
//
//	kustomize build config/default | xcc-release components --version v0.1.0 --metadata metadata.yaml --output out/addon-xcc
//	kustomize build config/namespaced | xcc-release namespaced --version v0.1.0 --output out/addon-xcc
//	xcc-release images --version v0.1.0 --binaries out/binaries --arch amd64 --output out/images
//	xcc-release layouts --version v0.1.0 --binaries out/binaries --arch amd64 --arch arm64 --output out/oci
//	xcc-release seal --version v0.1.0 --binaries out/binaries --layouts out/oci --arch amd64 --arch arm64 --output out/addon-xcc
//
// The images hold licences, so images and layouts also take --licence, --module-cache and --go-root.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/tools/release"
)

func main() {
	if err := run(os.Args[1:], os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// options are the flags of all commands.
type options struct {
	version, layouts, metadata, output string
	contents                           release.Contents
	architectures                      []string
}

func run(args []string, stdin io.Reader) error {
	if len(args) == 0 {
		return errors.New("what to write is missing: components, namespaced, images, layouts or seal")
	}
	var o options
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.StringVar(&o.version, "version", "", "the version, for example v0.1.0")
	flags.StringVar(&o.contents.Binaries, "binaries", "", "the folder with a folder of binaries for each architecture")
	flags.StringVar(&o.contents.Licence, "licence", "", "the file with the licence of this project")
	flags.StringVar(&o.contents.ThirdParty.ModuleCache, "module-cache", "", `the folder that "go env GOMODCACHE" prints`)
	flags.StringVar(&o.contents.ThirdParty.GoRoot, "go-root", "", `the folder that "go env GOROOT" prints`)
	flags.StringVar(&o.layouts, "layouts", "", "the folder with the OCI layouts of the version")
	flags.StringVar(&o.metadata, "metadata", "", "the file with clusterctl's metadata")
	flags.StringVar(&o.output, "output", "", "the folder to write to")
	flags.Func("arch", "an architecture, as Go spells it; may be repeated for layouts and seal", func(value string) error {
		o.architectures = append(o.architectures, value)
		return nil
	})
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	return o.write(args[0], stdin)
}

func (o options) write(what string, stdin io.Reader) error {
	switch what {
	case "components":
		return o.writeComponents(stdin)
	case "namespaced":
		return o.writeNamespaced(stdin)
	case "images":
		if len(o.architectures) != 1 {
			return fmt.Errorf("a loadable image is for one architecture, not for %q", o.architectures)
		}
		return release.WriteImages(o.output, o.version, o.contents, o.architectures[0])
	case "layouts":
		return release.WriteLayouts(o.output, o.version, o.contents, o.architectures)
	case "seal":
		return release.Seal(o.output, o.version, o.layouts, o.contents.Binaries, o.architectures)
	default:
		return fmt.Errorf("%q is nothing to write: components, namespaced, images, layouts and seal are", what)
	}
}

func (o options) writeNamespaced(stdin io.Reader) error {
	manifests, err := io.ReadAll(stdin)
	if err != nil {
		return fmt.Errorf("reading the manifests from standard input: %w", err)
	}
	return release.WriteNamespaced(o.output, o.version, manifests)
}

func (o options) writeComponents(stdin io.Reader) error {
	manifests, err := io.ReadAll(stdin)
	if err != nil {
		return fmt.Errorf("reading the manifests from standard input: %w", err)
	}
	metadata, err := os.ReadFile(o.metadata)
	if err != nil {
		return fmt.Errorf("reading the metadata: %w", err)
	}
	return release.WriteComponents(o.output, o.version, manifests, metadata)
}
