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

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// process is a manager that runs.
type process struct {
	cmd     *exec.Cmd
	ended   chan struct{}
	address string
	// token is an administrator's, for the diagnostics.
	token string
}

func startManager(ctx context.Context, binary string, kubeconfig []byte, token, folder string) (*process, error) {
	file := filepath.Join(folder, "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		return nil, fmt.Errorf("writing a kubeconfig: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(folder, "manager.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the manager's log: %w", err)
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	p := &process{ended: make(chan struct{}), address: address, token: token}
	p.cmd = exec.Command(binary, "--dns-image=xcc-dns:bench", "--diagnostics-address="+address, "--health-addr=127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+file)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the manager (make build writes it): %w", err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
		_ = log.Close()
	}()
	return p, nil
}

func freeAddress(ctx context.Context) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// kill ends the manager without a chance to finish anything.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// err returns an error if the manager has ended.
func (p *process) err() error {
	if p == nil {
		return nil // None is meant to run.
	}
	select {
	case <-p.ended:
		return errors.New("the manager has ended, see its log")
	default:
		return nil
	}
}

// processor returns the processor time so far.
func (p *process) processor() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the processor time: %w", err)
	}
	// utime and stime are the 12th and 13th field behind the name, in hundredths of a second
	// (proc_pid_stat(5)).
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, nil
}

// resident returns the resident set in bytes.
func (p *process) resident() int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	if fields := strings.Fields(after); len(fields) > 0 {
		kilobytes, _ := strconv.ParseInt(fields[0], 10, 64)
		return kilobytes << 10
	}
	return 0
}

var sample = regexp.MustCompile(`^(\w+)(?:\{([^}]*)\})? (\S+)$`)

// metric returns the samples of a metric, summed up by a label's values.
func (p *process) metric(ctx context.Context, name, label string) (map[string]float64, error) {
	body, err := p.diagnostics(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	return samples(body, name, label), nil
}

// samples sums up the samples of a metric by a label's values.
func samples(text, name, label string) map[string]float64 {
	found := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		match := sample.FindStringSubmatch(lines.Text())
		if match == nil || match[1] != name {
			continue
		}
		value, _ := strconv.ParseFloat(match[3], 64)
		_, after, _ := strings.Cut(match[2], label+`="`)
		of, _, _ := strings.Cut(after, `"`)
		found[of] += value
	}
	return found
}

// diagnostics asks the manager, with its self-signed certificate.
func (p *process) diagnostics(ctx context.Context, path string) (string, error) {
	config := &rest.Config{BearerToken: p.token, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	asking, err := rest.HTTPClientFor(config)
	if err != nil {
		return "", fmt.Errorf("asking the manager: %w", err)
	}
	return get(ctx, asking, "https://"+p.address+path)
}

// profile writes profiles of the manager.
func (p *process) profile(ctx context.Context, folder, phase string) error {
	for _, kind := range []string{"heap", "goroutine", "allocs"} {
		body, err := p.diagnostics(ctx, "/debug/pprof/"+kind)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, phase+"."+kind), []byte(body), 0o644); err != nil {
			return fmt.Errorf("writing a profile: %w", err)
		}
	}
	return nil
}

func get(ctx context.Context, from *http.Client, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	response, err := from.Do(request)
	if err != nil {
		return "", fmt.Errorf("asking %s: %w", url, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking %s: %s", url, response.Status)
	}
	return string(body), nil
}
