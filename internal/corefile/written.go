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
	"slices"
	"strings"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

// maxRemembered bounds the memory, as report.MaxWritten does. Older blocks than these come back only from a backup of the Corefile.
const maxRemembered = 32

// remember returns the memory to be when blocks are about to be written: those that were written before and those, the
// latest last, as the text of a Corefile.
//
// The former blocks stay in the memory because a writer may stop between storing it and writing, and because the kubeadm
// control plane writes back a Corefile that it read before ours was written.
func remember(memory string, wanted []string) string {
	var blocks []string
	written, err := parse(memory)
	if err == nil {
		blocks = splitBlocks(memory, written)
	}
	for _, block := range wanted {
		blocks = slices.DeleteFunc(blocks, func(known string) bool { return known == block })
		blocks = append(blocks, block)
	}
	if excess := len(blocks) - maxRemembered; excess > 0 {
		blocks = blocks[excess:]
	}
	text := strings.Join(blocks, "")
	for len(text) > report.MaxWritten {
		text, blocks = text[len(blocks[0]):], blocks[1:]
	}
	return text
}

func splitBlocks(text string, statements []statement) []string {
	lines := strings.SplitAfter(text, "\n")
	blocks := make([]string, 0, len(statements))
	for _, s := range statements {
		blocks = append(blocks, strings.Join(lines[s.first-1:s.last], ""))
	}
	return blocks
}
