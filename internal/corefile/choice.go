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

package corefile

import (
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Choice selects the servers to configure. Its zero value selects those of Known.
type Choice struct {
	// Servers get server blocks. If it is empty, those of Known do.
	Servers []Server `json:"servers,omitempty"`
	// Former are previously configured servers. Our server blocks are removed there.
	Former []Server `json:"former,omitempty"`
}

// ParseChoice parses the result of Choice.String.
func ParseChoice(text string) (Choice, error) {
	choice := Choice{}
	if err := json.Unmarshal([]byte(text), &choice); err != nil {
		return Choice{}, fmt.Errorf("parsing a choice of servers: %w", err)
	}
	for _, server := range choice.All() {
		if server.Corefile.ConfigMap.Namespace == "" || server.Corefile.ConfigMap.Name == "" || server.Corefile.Key == "" {
			return Choice{}, fmt.Errorf("a server has no Corefile: %q", server.Words)
		}
	}
	return choice, nil
}

// String returns the Choice as JSON. Equal Choices have equal strings.
func (c Choice) String() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // All fields can be encoded.
	}
	return string(text)
}

// IsZero returns whether the Choice selects the servers of Known.
func (c Choice) IsZero() bool { return len(c.Servers)+len(c.Former) == 0 }

// Wanted returns the servers that get server blocks.
func (c Choice) Wanted() []Server {
	if len(c.Servers) == 0 {
		return Known()
	}
	return c.Servers
}

// All returns all servers that may have our server blocks.
func (c Choice) All() []Server { return slices.Concat(c.Wanted(), c.Former) }

// ConfigMaps returns the names of the ConfigMaps of all servers.
func (c Choice) ConfigMaps() []types.NamespacedName { return ConfigMapsOf(c.All()) }

// FormerOf returns the Cluster of the former servers, without the ConfigMaps of wanted ones.
func (c Choice) FormerOf(cluster Cluster) Cluster {
	former := Cluster{Servers: c.Former, ConfigMaps: map[types.NamespacedName]ConfigMap{}}
	kept := ConfigMapsOf(c.Wanted())
	for name, configMap := range cluster.ConfigMaps {
		if !slices.Contains(kept, name) {
			former.ConfigMaps[name] = configMap
		}
	}
	return former
}
