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

// maxWritten limits the number of remembered blocks, besides report.MaxWritten. Only a backup of a
// Corefile could bring back an older block.
const maxWritten = 32

// appendWritten appends the blocks that are about to be written to those written before, the latest
// last. Both are the text of a Corefile.
//
// Blocks that were replaced stay, for two reasons: the process may stop between storing the text
// and writing the blocks, and the kubeadm control plane may write back a Corefile that it read
// earlier.
func appendWritten(before string, wanted []string) string {
	var blocks []string
	written, err := parse(before)
	if err == nil {
		blocks = splitBlocks(before, written)
	}
	for _, block := range wanted {
		blocks = slices.DeleteFunc(blocks, func(known string) bool { return known == block })
		blocks = append(blocks, block)
	}
	if excess := len(blocks) - maxWritten; excess > 0 {
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
