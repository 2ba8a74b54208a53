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

package docs_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// The programs are asked themselves, because a flag set in a test has the test's own flags too, and because main adds some.
func TestReferenceHasTheFlagsOfTheProgramsAndTheirDefaults(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"manager", "dns-server", "dns-config-patcher"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			documented := documentedFlags(section(g, read(g, "docs/reference.md"), "### "+program))
			g.Expect(documented).To(Equal(flagsOf(t, program)))
		})
	}
}

// documentedFlags returns the default of each flag in the tables, empty where none is given.
func documentedFlags(text string) map[string]string {
	documented := map[string]string{}
	for _, row := range rows(text) {
		for _, match := range inBackquotes.FindAllStringSubmatch(row[0], -1) {
			documented[match[1]] = strings.Trim(row[1], "`")
		}
	}
	return documented
}

// flagsOf returns the default of each flag as the program's help gives it, empty where it gives none.
func flagsOf(t *testing.T, program string) map[string]string {
	t.Helper()
	g := NewWithT(t)
	// As "make build" does it, so that what is compiled is compiled once.
	command := exec.CommandContext(t.Context(), "go", "run", "-trimpath", "-buildvcs=false", "./cmd/"+program, "--help")
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := command.CombinedOutput()
	g.Expect(err).NotTo(HaveOccurred(), string(output))
	// A build without a version is "dev"; the pages speak of releases.
	return parseHelp(strings.ReplaceAll(string(output), "xcc-dns:dev", "xcc-dns:VERSION"))
}

// helpFlag matches the line with which the help on a flag begins: "  -v, --v Level …" of pflag, "  -v value" of flag.
var helpFlag = regexp.MustCompile(`(?m)^ +(?:-\w, )?--?([a-z][a-z0-9-]*)`)

// helpDefault matches "(default 5s)", "(default "text")" and "(default [xcc.test])"; an empty list is one.
var helpDefault = regexp.MustCompile(`\(default "?(?:\[([^]"]+)\]|([^")]+))"?\)`)

func parseHelp(help string) map[string]string {
	flags := map[string]string{}
	starts := helpFlag.FindAllStringSubmatchIndex(help, -1)
	for i, start := range starts {
		end := len(help)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		value := ""
		if match := helpDefault.FindStringSubmatch(help[start[0]:end]); match != nil {
			value = match[1] + match[2]
		}
		flags["--"+help[start[2]:start[3]]] = value
	}
	return flags
}

func TestHelpIsRead(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	g.Expect(parseHelp(`Usage of x:
      --addr string         The address. (default ":80")
      --list stringArray    The list
                            in two lines (default [a.b])
      --none                Nothing. (default [])
  -v, --v Level             verbosity
  -zone zone
    	DNS zone; repeatable (default xcc.test)
`)).To(Equal(map[string]string{"--addr": ":80", "--list": "a.b", "--none": "[]", "--v": "", "--zone": "xcc.test"}))
}
