//go:build e2e

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

package e2e_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/rig"
)

// watch is a client that queries a name continuously during a test.
type watch struct {
	cmd     *exec.Cmd
	input   io.Closer
	started time.Time
	done    chan struct{}

	mu      sync.Mutex
	answers []answer
	counts  map[string]int
	// slowest describes the slowest query once the watch has ended.
	slowest string
	changed chan struct{}
}

// answer is an answer that differs from the previous one.
type answer struct {
	at   time.Time
	text string
}

// startWatch starts a watch on a cluster's node. It ends with the test.
func startWatch(t *testing.T, cluster *rig.Cluster, server, name string, interval time.Duration) *watch {
	t.Helper()
	w, err := newWatch(t.Context(), cluster, server, name, interval)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { w.stop() })
	return w
}

// newWatch starts a watch on a cluster's node. The caller must stop it.
func newWatch(ctx context.Context, cluster *rig.Cluster, server, name string, interval time.Duration) (*watch, error) {
	return runWatch(cluster.OnNode(ctx, dnswatchProgram, server, name, interval.String()))
}

// runWatch runs dnswatch until it is stopped.
func runWatch(cmd *exec.Cmd) (*watch, error) {
	cmd.Stderr = os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	w := &watch{
		cmd: cmd, input: input, started: time.Now(), counts: map[string]int{},
		done: make(chan struct{}), changed: make(chan struct{}, 1),
	}
	go func() {
		defer close(w.done)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			w.read(lines.Text())
		}
	}()
	return w, nil
}

// read reads a line of dnswatch.
func (w *watch) read(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	first, text, _ := strings.Cut(line, " ")
	switch first {
	case "count":
		number, text, _ := strings.Cut(text, " ")
		w.counts[text], _ = strconv.Atoi(number)
		return
	case "slowest":
		var asked, taken int64
		if n, _ := fmt.Sscan(text, &asked, &taken); n == 2 {
			w.slowest = fmt.Sprintf("slowest after %s, asked at %.1f s",
				time.Duration(taken).Round(time.Millisecond), time.Unix(0, asked).Sub(w.started).Seconds())
			return
		}
	}
	at, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		text = "garbage: " + line
	}
	w.answers = append(w.answers, answer{at: time.Unix(0, at), text: text})
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// stop ends the watch and returns the distinct answers in their order.
func (w *watch) stop() []string {
	_ = w.input.Close()
	<-w.done
	_ = w.cmd.Wait()
	var texts []string
	for _, answer := range w.seen() {
		texts = append(texts, answer.text)
	}
	return texts
}

func (w *watch) seen() []answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]answer(nil), w.answers...)
}

// untilAnswer waits up to a minute until the latest answer is the text, and returns the time of
// that answer.
func (w *watch) untilAnswer(ctx context.Context, text string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	at, err := w.until(ctx, func(latest string) bool { return latest == text })
	if err != nil {
		return at, fmt.Errorf("waiting for the answer %q: %w", text, err)
	}
	return at, nil
}

// until waits until the latest answer matches, and returns the time of that answer.
func (w *watch) until(ctx context.Context, match func(string) bool) (time.Time, error) {
	for {
		seen := w.seen()
		if len(seen) > 0 && match(seen[len(seen)-1].text) {
			return seen[len(seen)-1].at, nil
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%w; seen: %v", ctx.Err(), seen)
		}
	}
}

// buildDNSWatch builds dnswatch for the node of a cluster.
func buildDNSWatch(ctx context.Context, folder string) (string, error) {
	program := filepath.Join(folder, "dnswatch")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./test/cmd/dnswatch")
	cmd.Dir, cmd.Stderr = repository, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	return program, cmd.Run()
}
