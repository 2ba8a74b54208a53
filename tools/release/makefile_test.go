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

package release_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// runMake runs a target of the Makefile, and returns its output.
func runMake(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "-C", root}, arguments...)...)
	// "make test" hands variables and its job server down.
	command.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "MAKE") || strings.HasPrefix(variable, "MFLAGS=")
	})
	output, err := command.CombinedOutput()
	return string(output), err
}

// script writes a program of these lines.
func script(t *testing.T, lines string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	NewWithT(t).Expect(os.WriteFile(path, []byte("#!/bin/sh\n"+lines+"\n"), 0o755)).To(Succeed())
	return path
}

func TestAnUnreachableVulnerabilityDatabaseIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code, output, exit string
	}{
		"nothing was found":                 {"0", "No known vulnerability", ""},
		"something was found":               {"3", "FOUND: ", "Error 1"},
		"the database cannot be reached":    {"1", "NOT CHECKED: ", "Error 2"},
		"the arguments are wrong":           {"2", "NOT CHECKED: ", "Error 2"},
		"the process was killed for memory": {"137", "NOT CHECKED: ", "Error 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)

			output, err := runMake(t, "verify-vulnerabilities", "GOVULNCHECK="+script(t, "exit "+test.code))

			g.Expect(output).To(ContainSubstring(test.output))
			if test.exit == "" {
				g.Expect(err).NotTo(HaveOccurred(), output)
			} else {
				g.Expect(err).To(HaveOccurred(), output)
				g.Expect(output).To(ContainSubstring(test.exit))
			}
		})
	}
}

// vulnerabilities makes a database of the Go vulnerability format (https://go.dev/doc/security/vuln/database) with one entry,
// about a function that the dns-server calls, and returns its address.
func vulnerabilities(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	folder := t.TempDir()
	for name, content := range map[string]string{
		"index/db.json":      `{"modified":"2026-01-01T00:00:00Z"}`,
		"index/modules.json": `[{"path":"github.com/miekg/dns","vulns":[{"id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z"}]}]`,
		"ID/GO-2026-0001.json": `{"schema_version":"1.3.1","id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z",
			"summary":"An example","details":"An example.","database_specific":{"url":"https://example.com"},"affected":[{
			"package":{"name":"github.com/miekg/dns","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],
			"ecosystem_specific":{"imports":[{"path":"github.com/miekg/dns","symbols":["CanonicalName"]}]}}]}`,
	} {
		path := filepath.Join(folder, name)
		g.Expect(os.MkdirAll(filepath.Dir(path), 0o755)).To(Succeed())
		g.Expect(os.WriteFile(path, []byte(content), 0o600)).To(Succeed())
	}
	return "file://" + folder
}

func TestAKnownVulnerabilityIsFound(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	tool := filepath.Join(t.TempDir(), "govulncheck")

	output, err := runMake(t, "verify-vulnerabilities", "BINARIES=dns-server", "GOVULNCHECK="+tool, "VULNERABILITY_DB="+vulnerabilities(t))
	g.Expect(err).To(HaveOccurred(), output)
	g.Expect(output).To(And(ContainSubstring("GO-2026-0001"), ContainSubstring("dns.CanonicalName"), ContainSubstring("FOUND: "), ContainSubstring("Error 1")))

	output, err = runMake(t, "verify-vulnerabilities", "BINARIES=dns-server", "GOVULNCHECK="+tool, "VULNERABILITY_DB=file://"+t.TempDir())
	g.Expect(err).To(HaveOccurred(), output)
	g.Expect(output).To(And(ContainSubstring("NOT CHECKED: "), ContainSubstring("Error 2")))
}

func TestTwoBuildsAreComparedByteByByte(t *testing.T) {
	t.Parallel()
	// The stand-in for make is called as "-C <folder> images release ...".
	const build = `mkdir -p "$2/out/oci"; echo same > "$2/out/same"; `
	for name, test := range map[string]struct {
		build, output string
		fails         bool
	}{
		"the same files":               {build, "wrote the same 1 files", false},
		"a file that names its folder": {build + `pwd > "$2/out/same"; echo "$2" > "$2/out/oci/layer"`, "\nout/oci/layer\n", true},
		"a file that names its time":   {build + `date +%H%z > "$2/out/oci/layer"`, "\nout/oci/layer\n", true},
		"a file that is there once":    {build + `case $2 in */first) touch "$2/out/once"; esac`, "\nout/once\n", true},
		"a build that fails":           {"echo no compiler; exit 1", "no compiler", true},
		"a build that writes nothing":  {`mkdir "$2/out"`, "The build wrote nothing", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)

			output, err := runMake(t, "verify-reproducible", "VERSION="+tag, "MAKE="+script(t, test.build), "TMPDIR="+t.TempDir())

			g.Expect(output).To(ContainSubstring(test.output))
			g.Expect(output).NotTo(ContainSubstring("out/same"))
			if test.fails {
				g.Expect(err).To(HaveOccurred(), output)
			} else {
				g.Expect(err).NotTo(HaveOccurred(), output)
			}
		})
	}
}
