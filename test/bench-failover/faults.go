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
	"context"
	"fmt"
	"strings"
	"syscall"
)

// kind is a kind of fault. All its gateways fail at once.
type kind struct {
	name string
	// network is the third octet of the addresses of its gateways. That of their backups is greater
	// by 100.
	network int
	// isStoppable is true for gateways of the process that can be stopped.
	isStoppable bool
	fail, mend  func(ctx context.Context, f *farm, addresses []string) error
}

var kinds = []kind{
	{
		name: "connection refused", network: 1,
		fail: func(_ context.Context, f *farm, addresses []string) error { return f.steady.tell("close", addresses) },
		mend: func(_ context.Context, f *farm, addresses []string) error { return f.steady.tell("open", addresses) },
	},
	{name: "packets dropped", network: 2, fail: drop("add"), mend: drop("delete")},
	{
		name: "process stopped", network: 3, isStoppable: true,
		fail: func(_ context.Context, f *farm, _ []string) error {
			return f.stoppable.cmd.Process.Signal(syscall.SIGSTOP)
		},
		mend: func(_ context.Context, f *farm, _ []string) error {
			return f.stoppable.cmd.Process.Signal(syscall.SIGCONT)
		},
	},
	{
		name: "node gone", network: 4,
		fail: func(ctx context.Context, f *farm, addresses []string) error {
			return f.addresses(ctx, "delete", addresses)
		},
		mend: func(ctx context.Context, f *farm, addresses []string) error {
			return f.addresses(ctx, "add", addresses)
		},
	},
}

// flapping and lost are the gateways of the long measurements.
var (
	flapping = kind{name: "flapping", network: 5, fail: kinds[0].fail, mend: kinds[0].mend}
	lost     = kind{name: "network lost", network: 6}
)

// drop adds addresses to the set whose packets are dropped, or deletes them from it.
func drop(command string) func(context.Context, *farm, []string) error {
	return func(ctx context.Context, f *farm, addresses []string) error {
		return f.run(ctx, "nft", command, "element", "ip", "fault", "dead", "{ "+strings.Join(addresses, ", ")+" }")
	}
}

// primaries and backups return the addresses of a kind's gateways.
func (k *kind) primaries(count int) []string { return addressesOf(k.network, count) }
func (k *kind) backups(count int) []string   { return addressesOf(k.network+100, count) }

func addressesOf(network, count int) []string {
	addresses := make([]string, 0, count)
	for i := range count {
		addresses = append(addresses, fmt.Sprintf("10.77.%d.%d", network, i+1))
	}
	return addresses
}

// namespace returns the namespace of a kind's gateway.
func (k *kind) namespace(i int) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(k.name, " ", "-"), i)
}

// open starts the gateways of a kind.
func (k *kind) open(ctx context.Context, f *farm, count int) error {
	for _, addresses := range [][]string{k.primaries(count), k.backups(count)} {
		if err := f.addresses(ctx, "add", addresses); err != nil {
			return err
		}
	}
	of := f.steady
	if k.isStoppable {
		of = f.stoppable
	}
	if err := of.tell("open", k.primaries(count)); err != nil {
		return err
	}
	return f.steady.tell("open", k.backups(count))
}
