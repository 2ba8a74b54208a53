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

// A rig has one bridge, and 198.18.N.0/24 and 2001:2:0:N::/64 on it, from the
// ranges that RFC 2544 and RFC 5180 set aside for tests of network equipment: no
// network that this machine is part of uses them. The machine is .1 and ::1.
// Cluster number k (from 1) has 20 addresses of each: from .20k and ::20k on
// those of its nodes, the rest are for its load balancers.
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

// address6 has the digits of the decimal number, so that a cluster's addresses
// of both families look alike.
func (n network) address6(host int) string {
	return netip.MustParseAddr(fmt.Sprintf("2001:2:0:%d::%d", n.number, host)).String()
}
func (n network) host6() string { return n.address6(1) }
func (n network) node6(index, number int) string {
	return n.address6(index*addressesPerCluster + number)
}

// loadBalancers are the addresses that the cluster's Services can get. The first
// node holds all of them from the start: kube-proxy takes what belongs to a
// Service, and a connection to a free address is refused.
func (n network) loadBalancers(index int) []string {
	var addresses []string
	for i := maxNodes; i < addressesPerCluster; i++ {
		addresses = append(addresses, n.address(index*addressesPerCluster+i))
	}
	return addresses
}

// loadBalancers6 are those of IPv6.
func (n network) loadBalancers6(index int) []string {
	var addresses []string
	for i := maxNodes; i < addressesPerCluster; i++ {
		addresses = append(addresses, n.address6(index*addressesPerCluster+i))
	}
	return addresses
}

// createNetwork makes the bridge with the first free number. Rigs that start at
// the same moment choose one after the other.
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

// connect gives a node a link to the bridge and all of its addresses. The link
// goes when the node's network namespace goes.
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
	// Nobody else has these addresses: to ask for duplicates (DAD) would only take time.
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

// removeNetwork removes the bridge and the links on it. A namespace that is
// going away takes its link along, but later.
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
		// It may be gone since.
		_, _ = run(ctx, "ip", "link", "delete", link.Name)
	}
	_, err = run(ctx, "ip", "link", "delete", bridge)
	return err
}
