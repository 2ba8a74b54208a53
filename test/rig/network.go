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

package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A rig has one bridge with 198.18.N.0/24 and 2001:2:0:N::/64. RFC 2544 and RFC 5180 reserve these
// ranges for benchmarks, so no other network of this machine uses them. The machine is .1 and ::1.
// Cluster number k (from 1) has 20 addresses of each family: its nodes start at 20*k, and its load
// balancers have the rest.
const (
	addressesPerCluster = 20
	maxClusters         = 11
	maxNodes            = 3
)

// network is a rig's bridge.
type network struct {
	bridge string
	number int
}

func bridgeName(rig string) string { return "xcc-" + rig }

func (n network) address(host int) string { return fmt.Sprintf("198.18.%d.%d", n.number, host) }
func (n network) host() string            { return n.address(1) }
func (n network) node(index, number int) string {
	return n.address(index*addressesPerCluster + number)
}

// address6 returns an IPv6 address with the digits of the decimal number, so that the addresses of
// both families look alike.
func (n network) address6(host int) string {
	return netip.MustParseAddr(fmt.Sprintf("2001:2:0:%d::%d", n.number, host)).String()
}
func (n network) host6() string { return n.address6(1) }
func (n network) node6(index, number int) string {
	return n.address6(index*addressesPerCluster + number)
}

// loadBalancers returns the addresses for the cluster's Services. The first node always has all of
// them. kube-proxy handles the assigned ones, and connections to the others are refused.
func (n network) loadBalancers(index int) []string {
	var addresses []string
	for i := maxNodes; i < addressesPerCluster; i++ {
		addresses = append(addresses, n.address(index*addressesPerCluster+i))
	}
	return addresses
}

// loadBalancers6 is loadBalancers for IPv6.
func (n network) loadBalancers6(index int) []string {
	var addresses []string
	for i := maxNodes; i < addressesPerCluster; i++ {
		addresses = append(addresses, n.address6(index*addressesPerCluster+i))
	}
	return addresses
}

// createNetwork creates the bridge with the first free number. A lock serialises rigs that start
// concurrently.
func createNetwork(ctx context.Context, rig string) (network, error) {
	lock, err := lockFileWaiting(filepath.Join(stateRoot, "network.lock"))
	if err != nil {
		return network{}, err
	}
	defer lock.Close()
	number, err := freeNumber()
	if err != nil {
		return network{}, err
	}
	n := network{bridge: bridgeName(rig), number: number}
	for _, args := range [][]string{
		{"link", "add", n.bridge, "type", "bridge"},
		{"address", "add", n.host() + "/24", "dev", n.bridge},
		{"address", "add", n.host6() + "/64", "dev", n.bridge, "nodad"},
		{"link", "set", n.bridge, "up"},
	} {
		if _, err := run(ctx, "ip", args...); err != nil {
			return network{}, err
		}
	}
	return n, nil
}

func freeNumber() (int, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return 0, fmt.Errorf("listing this machine's addresses: %w", err)
	}
	used := map[int]bool{}
	for _, address := range addresses {
		if number, ok := numberOf(address); ok {
			used[number] = true
		}
	}
	for number := range 256 {
		if !used[number] {
			return number, nil
		}
	}
	return 0, fmt.Errorf("all of 198.18.0.0/16 is in use")
}

// findNetwork reads the number back from the bridge's address.
func findNetwork(rig string) (network, error) {
	bridge, err := net.InterfaceByName(bridgeName(rig))
	if err != nil {
		return network{}, err
	}
	addresses, err := bridge.Addrs()
	if err != nil {
		return network{}, err
	}
	for _, address := range addresses {
		if number, ok := numberOf(address); ok {
			return network{bridge: bridge.Name, number: number}, nil
		}
	}
	return network{}, fmt.Errorf("%s has no address in 198.18.0.0/16", bridge.Name)
}

func numberOf(address net.Addr) (int, bool) {
	parts := strings.Split(address.String(), ".")
	if len(parts) != 4 || parts[0] != "198" || parts[1] != "18" {
		return 0, false
	}
	number, err := strconv.Atoi(parts[2])
	return number, err == nil
}

// connect connects a node to the bridge and adds all its addresses. The kernel removes the link
// with the node's network namespace.
func (n network) connect(ctx context.Context, index, number, pid int) error {
	outer := fmt.Sprintf("xcc%d-%d-%d", n.number, index, number)
	if _, err := run(ctx, "ip", "link", "add", outer, "type", "veth",
		"peer", "name", "eth0", "netns", strconv.Itoa(pid)); err != nil {
		return err
	}
	if _, err := run(ctx, "ip", "link", "set", outer, "master", n.bridge, "up"); err != nil {
		return err
	}
	var batch strings.Builder
	fmt.Fprintln(&batch, "link set lo up")
	// The addresses are unique, so duplicate address detection (DAD) would only take time.
	fmt.Fprintf(&batch, "address add %s/24 dev eth0\n", n.node(index, number))
	fmt.Fprintf(&batch, "address add %s/64 dev eth0 nodad\n", n.node6(index, number))
	if number == 0 {
		for _, address := range n.loadBalancers(index) {
			fmt.Fprintf(&batch, "address add %s/32 dev eth0\n", address)
		}
		for _, address := range n.loadBalancers6(index) {
			fmt.Fprintf(&batch, "address add %s/128 dev eth0 nodad\n", address)
		}
	}
	fmt.Fprintln(&batch, "link set eth0 up")
	fmt.Fprintf(&batch, "route add default via %s\n", n.host())
	fmt.Fprintf(&batch, "route add default via %s\n", n.host6())
	_, err := runWithInput(ctx, strings.NewReader(batch.String()),
		"nsenter", "--target", strconv.Itoa(pid), "--net", "ip", "-batch", "-")
	return err
}

// removeNetwork removes the bridge and the links on it. The kernel may remove the link of an ended
// namespace later.
func removeNetwork(ctx context.Context, rig string) error {
	bridge := bridgeName(rig)
	if _, err := os.Stat(filepath.Join("/sys/class/net", bridge)); os.IsNotExist(err) {
		return nil
	}
	out, err := run(ctx, "ip", "-json", "link", "show", "master", bridge)
	if err != nil {
		return err
	}
	var links []struct {
		Name string `json:"ifname"`
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		return fmt.Errorf("reading the links on %s: %w", bridge, err)
	}
	for _, link := range links {
		// The link may be gone by now.
		_, _ = run(ctx, "ip", "link", "delete", link.Name)
	}
	_, err = run(ctx, "ip", "link", "delete", bridge)
	return err
}
