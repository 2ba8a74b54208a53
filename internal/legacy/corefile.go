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

package legacy

// The comments between which the 2022 project wrote its server block. They are removed with the block.
const (
	BlockBegin = "### BEGIN CROSS CLUSTER CONNECTIVITY"
	BlockEnd   = "### END CROSS CLUSTER CONNECTIVITY"
)

// IsBlockPlugin returns whether the server block of the 2022 project has a plugin that ours never has.
func IsBlockPlugin(name string) bool { return name == "reload" }
