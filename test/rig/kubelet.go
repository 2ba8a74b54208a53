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
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/test/components"
)

// containerdConfig has version 2, which containerd 1.6 to 2 support. It disables features that do
// not work in a container or a small virtual machine.
const containerdConfig = `version = 2
root = "%[1]s/containerd/root"
state = "/run/containerd/state"
[grpc]
  address = "%[1]s/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + PauseImage + `"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "%[1]s/cni"
`

// cniConfig connects each Pod to the node by its own link, without a bridge. So the node routes all
// packets, and kube-proxy's rules apply in both directions even if this kernel's bridges bypass
// nftables.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "ptp",
    "mtu": 1500,
    "ipam": {
      "type": "host-local",
      "ranges": [[{"subnet": "%s"}], [{"subnet": "%s"}]],
      "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
    }
  }]
}
`

// masquerade replaces the Pods' source addresses, which are the same in every cluster, by that of
// the node.
const masquerade = `table ip xcc {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ` + podCIDR + ` ip daddr != ` + podCIDR + ` oifname "eth0" masquerade
  }
}
table ip6 xcc {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip6 saddr ` + podCIDR6 + ` ip6 daddr != ` + podCIDR6 + ` oifname "eth0" masquerade
  }
}
`

func (n *Node) containerdSocket() string { return n.path("containerd.sock") }

// startContainerd starts containerd. It also configures the network and the resolver of Pods.
func (n *Node) startContainerd(ctx context.Context) error {
	for file, content := range map[string]string{
		"containerd.toml":   fmt.Sprintf(containerdConfig, n.Dir),
		"cni/pods.conflist": fmt.Sprintf(cniConfig, n.podCIDR(), n.podCIDR6()),
		"resolv.conf":       "nameserver " + n.Address + "\n",
	} {
		if err := os.WriteFile(n.path(file), []byte(content), 0o600); err != nil {
			return fmt.Errorf("configuring the node: %w", err)
		}
	}
	// Pods without root must be able to read it.
	if err := os.Chmod(n.path("resolv.conf"), 0o644); err != nil {
		return fmt.Errorf("configuring the node: %w", err)
	}
	const script = `echo 1 > /proc/sys/net/ipv4/ip_forward && echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && nft -f -`
	if _, err := runWithInput(ctx, strings.NewReader(masquerade), "nsenter", n.namespaces.enter("sh", "-c", script)...); err != nil {
		return fmt.Errorf("preparing the Pods' network: %w", err)
	}
	if err := n.startUpstream(ctx); err != nil {
		return err
	}
	err := n.namespaces.start(ctx, n.path("log", "containerd.log"), "containerd", "--config", n.path("containerd.toml"))
	if err != nil {
		return err
	}
	return poll(ctx, "containerd answers", func() bool {
		_, err := n.ctr(ctx, "version")
		return err == nil
	})
}

// ctr runs containerd's client for Kubernetes' containers.
func (n *Node) ctr(ctx context.Context, args ...string) (string, error) {
	return run(ctx, "ctr", append([]string{"--address", n.containerdSocket(), "--namespace", "k8s.io"}, args...)...)
}

// isOlder returns whether the Kubernetes of this run is older than the minor version.
func isOlder(minor string) (bool, error) {
	running, err := components.Version("kubelet")
	if err != nil {
		return false, err
	}
	parsed, err := version.ParseSemantic(running)
	if err != nil {
		return false, fmt.Errorf("reading the version of Kubernetes: %w", err)
	}
	return !parsed.AtLeast(version.MustParse(minor)), nil
}

func (n *Node) startKubelet(ctx context.Context) error {
	toleratesCgroupV1, err := isOlder("v1.31")
	if err != nil {
		return err
	}
	config := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"x509":      map[string]any{"clientCAFile": n.cluster.path("pki", "ca.crt")},
		},
		"authorization":            map[string]any{"mode": "AlwaysAllow"},
		"clusterDNS":               []string{clusterDNSIP},
		"clusterDomain":            "cluster.local",
		"containerRuntimeEndpoint": "unix://" + n.containerdSocket(),
		"resolvConf":               n.path("resolv.conf"),
		"failSwapOn":               false,
		// The machine may have control groups of version 1, or only some of them.
		"cgroupDriver":                  "cgroupfs",
		"cgroupsPerQOS":                 false,
		"enforceNodeAllocatable":        []string{},
		"localStorageCapacityIsolation": false,
		// A full disk of the machine must not cause evictions or image garbage collection.
		"evictionHard": map[string]string{
			"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
		},
		"imageGCHighThresholdPercent": 100,
	}
	if !toleratesCgroupV1 {
		config["failCgroupV1"] = false
	}
	if err := writeJSON(n.path("kubelet.json"), config); err != nil {
		return err
	}
	return n.startComponent(ctx, "kubelet",
		"--config="+n.path("kubelet.json"),
		"--hostname-override="+n.Name,
		"--kubeconfig="+n.path("kubelet.conf"),
		"--node-ip="+n.Address+","+n.Address6,
	)
}

func (n *Node) startKubeProxy(ctx context.Context) error {
	mode, err := proxyMode()
	if err != nil {
		return err
	}
	config := map[string]any{
		"apiVersion":       "kubeproxy.config.k8s.io/v1alpha1",
		"kind":             "KubeProxyConfiguration",
		"mode":             mode,
		"clusterCIDR":      podCIDR + "," + podCIDR6,
		"hostnameOverride": n.Name,
		"clientConnection": map[string]any{"kubeconfig": n.cluster.path("kube-proxy.conf")},
		// These settings would apply to the whole machine.
		"conntrack": map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
	if err := writeJSON(n.path("kube-proxy.json"), config); err != nil {
		return err
	}
	return n.startComponent(ctx, "kube-proxy", "--config="+n.path("kube-proxy.json"))
}

// proxyMode returns kube-proxy's mode. nftables needs no feature gate since v1.31.
func proxyMode() (string, error) {
	hasIPTablesOnly, err := isOlder("v1.31")
	if hasIPTablesOnly {
		return "iptables", err
	}
	return "nftables", err
}

// writeJSON writes a configuration as JSON, which is valid YAML.
func writeJSON(path string, config any) error {
	content, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
