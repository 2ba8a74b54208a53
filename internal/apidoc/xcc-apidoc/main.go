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

// Command xcc-apidoc writes docs/api.md; see "make generate".
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/apidoc"
)

func main() {
	definition := flag.String("crd", "", "the file of the CustomResourceDefinition")
	output := flag.String("output", "", "the page to write")
	flag.Parse()
	if err := run(*definition, *output); err != nil {
		fmt.Fprintln(os.Stderr, "xcc-apidoc:", err)
		os.Exit(1)
	}
}

func run(definition, output string) (err error) {
	text, err := os.ReadFile(definition)
	if err != nil {
		return err
	}
	page, err := os.Create(output)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := page.Close(); err == nil {
			err = closeErr
		}
	}()
	return apidoc.Write(page, text)
}
