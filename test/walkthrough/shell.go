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

package walkthrough

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Shell runs commands as a user would type them, and prints them with their output.
type Shell struct {
	out io.Writer
	env []string
}

// NewShell returns a shell with these variables, as NAME=value.
func NewShell(out io.Writer, env ...string) *Shell {
	return &Shell{out: out, env: env}
}

// Run prints a command, runs it, prints its output and returns its standard output.
func (s *Shell) Run(ctx context.Context, command string) (string, error) {
	fmt.Fprintf(s.out, "\n$ %s\n", command)
	var stdout bytes.Buffer
	cmd := s.command(ctx, command)
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, s.out), s.out
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("running %q: %w", command, err)
	}
	return stdout.String(), nil
}

// Until repeats a command until it succeeds and prints the expected text, or the context ends. It prints the reason of the
// wait every ten seconds, and the output of the last try only.
func (s *Shell) Until(ctx context.Context, why, command, expected string) error {
	fmt.Fprintf(s.out, "\n$ %s\n", command)
	started, said := time.Now(), time.Now()
	for {
		var output bytes.Buffer
		cmd := s.command(ctx, command)
		cmd.Stdout, cmd.Stderr = &output, &output
		err := cmd.Run()
		if err == nil && strings.Contains(output.String(), expected) {
			fmt.Fprintf(s.out, "%s", output.String())
			return nil
		}
		if time.Since(said) > 10*time.Second {
			said = time.Now()
			fmt.Fprintf(s.out, "  … %3.0f s: %s (last output: %s)\n", time.Since(started).Seconds(), why, firstLine(output.String()))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %q to print %q: %w; last output: %s", command, expected, ctx.Err(), output.String())
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (s *Shell) command(ctx context.Context, command string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Env = append(os.Environ(), s.env...)
	return cmd
}

func firstLine(output string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(output), "\n")
	return line
}
