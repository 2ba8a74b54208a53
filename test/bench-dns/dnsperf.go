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
	"fmt"
	"math"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is the output of a dnsperf run.
type result struct {
	qps       float64
	mean, p99 time.Duration
	lost      int
	// missing is the fraction of NXDOMAIN responses, and failed the fraction of responses with
	// another error.
	missing, failed float64
}

// load runs dnsperf for the given time with at most so many queries per second, or as many as
// possible for 0.
func (b *bench) load(ctx context.Context, r *running, duration time.Duration, qps int, detailed bool) (result, error) {
	processors := b.scenario.processors
	args := []string{
		"-c", loadProcessors(processors, runtime.NumCPU()), "dnsperf", "-s", "127.0.0.1", "-p", strconv.Itoa(r.port), "-d", b.queryFile,
		"-l", fmt.Sprintf("%.0f", duration.Seconds()), "-c", strconv.Itoa(b.scenario.clients), "-T", strconv.Itoa(processors), "-t", "1",
		"-m", b.scenario.network(),
	}
	if qps > 0 {
		args = append(args, "-Q", strconv.Itoa(qps))
	}
	if detailed {
		args = append(args, "-v")
	}
	command := exec.CommandContext(ctx, "taskset", args...)
	output, err := command.Output()
	if err != nil {
		return result{}, fmt.Errorf("running dnsperf: %w", err)
	}
	return parse(string(output))
}

var (
	qpsLine  = regexp.MustCompile(`Queries per second:\s+([\d.]+)`)
	meanLine = regexp.MustCompile(`Average Latency \(s\):\s+([\d.]+)`)
	lostLine = regexp.MustCompile(`Queries lost:\s+(\d+)`)
	codeLine = regexp.MustCompile(`Response codes:(.*)`)
	codePart = regexp.MustCompile(`(\w+) \d+ \(([\d.]+)%\)`)
)

// parse reads the summary, and the latencies of single queries if there are any: "> NOERROR name A
// 0.000123".
func parse(output string) (result, error) {
	var numbers [3]float64
	for i, line := range []*regexp.Regexp{qpsLine, meanLine, lostLine} {
		match := line.FindStringSubmatch(output)
		if match == nil {
			return result{}, fmt.Errorf("dnsperf does not say %q: %s", line, output[max(0, len(output)-500):])
		}
		var err error
		if numbers[i], err = strconv.ParseFloat(match[1], 64); err != nil {
			return result{}, err
		}
	}
	r := result{qps: numbers[0], mean: seconds(numbers[1]), lost: int(numbers[2])}
	for _, part := range codePart.FindAllStringSubmatch(codeLine.FindString(output), -1) {
		percent, err := strconv.ParseFloat(part[2], 64)
		if err != nil {
			return result{}, err
		}
		switch part[1] {
		case "NOERROR":
		case "NXDOMAIN":
			r.missing = percent / 100
		default:
			r.failed += percent / 100
		}
	}
	var latencies []float64
	lines := bufio.NewScanner(strings.NewReader(output))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || fields[0] != ">" {
			continue
		}
		if latency, err := strconv.ParseFloat(fields[len(fields)-1], 64); err == nil {
			latencies = append(latencies, latency)
		}
	}
	if len(latencies) > 0 {
		slices.Sort(latencies)
		r.p99 = seconds(latencies[len(latencies)*99/100])
	}
	return r, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// check returns an error if the responses are wrong, so that no server is fast because it is wrong.
func (r result) check() error {
	if r.failed > 0 || math.Abs(r.missing-misses) > 0.02 {
		return fmt.Errorf("%.1f %% of the responses say that the name does not exist, which %.0f %% should, and %.1f %% are failures",
			100*r.missing, 100*misses, 100*r.failed)
	}
	return nil
}
