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

// Package field reads the inputs in test/testdata/field, which come from other projects' issues.
// README.md in that folder has the source of each and describes the format.
package field

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Corefile is the configuration of a cluster's CoreDNS with the expected result.
type Corefile struct {
	// Name is the name of the file, without the extension.
	Name string
	// Source is the public report or file of the input: repository#number, or repository:path.
	Source string
	// About describes the case.
	About string
	// State is "forwarding", "refused" or "not found".
	State string
	// Says are parts of the message.
	Says []string
	// Edited are the ConfigMaps that are edited even if something is refused.
	Edited []string
	// Ask are the addresses that pods query, by the ConfigMap of the server. The default is
	// 10.0.0.10:53 for "coredns".
	Ask map[string]string
	// Others are names outside of the zone whose answers must not change.
	Others []string
	// Environment is the environment of CoreDNS.
	Environment []string
	// Found are the servers that were found by their Pods. If it is empty, the known servers are
	// configured.
	Found []Server
	// Unstartable is true if CoreDNS does not start even with the original configuration.
	Unstartable bool
	// Since is the first version of CoreDNS with this behaviour, such as v1.15.0. It is empty for
	// every version.
	Since string
	// ConfigMaps are the values by ConfigMap and key.
	ConfigMaps map[string]map[string]string
}

// Server is a CoreDNS that was found by its Pods. Its Corefile has the path /etc/coredns/Corefile.
type Server struct {
	ConfigMap string
	// Cache is true for a cache in front of another CoreDNS.
	Cache bool
	// Mounts are further ConfigMaps, by the folder of the mount.
	Mounts map[string]string
}

// Corefiles returns the cases below corefile, sorted by name.
func Corefiles() ([]Corefile, error) {
	_, here, _, _ := runtime.Caller(0)
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(here), "..", "testdata", "field", "corefile", "*.txt"))
	if err != nil {
		return nil, err
	}
	cases := make([]Corefile, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		c, err := parse(strings.TrimSuffix(filepath.Base(path), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// parse reads a header of "key: value" lines, and the values of ConfigMaps. Each value follows a
// line "-- configmap/key --".
func parse(name, text string) (Corefile, error) {
	c := Corefile{Name: name, ConfigMaps: map[string]map[string]string{}}
	var unended, carriage []string
	var configMap, key string
	for line := range strings.Lines(text) {
		path, isStart := strings.CutPrefix(strings.TrimSuffix(line, " --\n"), "-- ")
		switch header, value, found := strings.Cut(strings.TrimSpace(line), ": "); {
		case isStart && strings.HasSuffix(line, " --\n"):
			if configMap, key, found = strings.Cut(path, "/"); !found {
				return Corefile{}, fmt.Errorf("%q is not configmap/key", path)
			}
			if c.ConfigMaps[configMap] == nil {
				c.ConfigMaps[configMap] = map[string]string{}
			}
			c.ConfigMaps[configMap][key] = ""
		case key != "" && slices.Contains(carriage, configMap+"/"+key):
			c.ConfigMaps[configMap][key] += strings.TrimSuffix(line, "\n") + "\r\n"
		case key != "":
			c.ConfigMaps[configMap][key] += line
		case header == "without-final-newline":
			unended = append(unended, value)
		case header == "crlf":
			carriage = append(carriage, value)
		case header != "" && (!found || !c.set(header, value)):
			return Corefile{}, fmt.Errorf("unknown line %q", line)
		}
	}
	for _, path := range unended {
		configMap, key, _ := strings.Cut(path, "/")
		c.ConfigMaps[configMap][key] = strings.TrimSuffix(c.ConfigMaps[configMap][key], "\n")
	}
	if len(c.Ask) == 0 {
		c.Ask = map[string]string{"coredns": "10.0.0.10:53"}
	}
	return c, nil
}

// set returns false for an unknown key.
func (c *Corefile) set(key, value string) bool {
	switch key {
	case "source":
		c.Source = value
	case "about":
		c.About = value
	case "state":
		c.State = value
	case "says":
		c.Says = append(c.Says, value)
	case "ask":
		configMap, address, _ := strings.Cut(value, " ")
		if c.Ask == nil {
			c.Ask = map[string]string{}
		}
		c.Ask[configMap] = address
	case "found":
		words := strings.Fields(value)
		server := Server{ConfigMap: words[0], Mounts: map[string]string{}}
		for _, word := range words[1:] {
			if folder, configMap, isMount := strings.Cut(word, "="); isMount {
				server.Mounts[folder] = configMap
			} else if word == "cache" {
				server.Cache = true
			}
		}
		c.Found = append(c.Found, server)
	case "other":
		c.Others = append(c.Others, value)
	case "since":
		c.Since = value
	case "edited":
		c.Edited = append(c.Edited, value)
	case "environment":
		c.Environment = append(c.Environment, value)
	case "unstartable":
		c.Unstartable = value == "true"
	default:
		return false
	}
	return true
}
