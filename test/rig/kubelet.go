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
)

// containerdConfig is version 2, which containerd 1.6 to 2 read. What a machine
// inside a container or a small virtual machine cannot do is turned off.
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

// cniConfig gives every Pod a link of its own to the node and no bridge among
// them: all packets are then routed by the node and pass kube-proxy's rules both
// ways, whether or not this kernel's bridges show their packets to nftables.
const cniConfig = `{
  "cniVersion": "0.4.0",
  "name": "pods",
  "plugins": [{
    "type": "ptp",
    "mtu": 1500,
    "ipam": {
      "type": "host-local",
      "ranges": [[{"subnet": "` + nodePodCIDR + `"}]],
      "routes": [{"dst": "0.0.0.0/0"}]
    }
  }]
}
`

// masquerade hides the Pods, whose addresses every cluster has, behind the node.
const masquerade = `table ip xcc {
  chain postrouting {
    type nat hook postrouting priority srcnat;
    ip saddr ` + podCIDR + ` ip daddr != ` + podCIDR + ` oifname "eth0" masquerade
  }
}
`

func (c *Cluster) containerdSocket() string { return c.path("containerd.sock") }

// startContainerd also prepares the network that Pods get.
func (c *Cluster) startContainerd(ctx context.Context) error {
	for file, content := range map[string]string{
		"containerd.toml":   fmt.Sprintf(containerdConfig, c.Dir),
		"cni/pods.conflist": cniConfig,
		// Nobody answers there: a cluster's CoreDNS must ask somebody that is not
		// itself, and nothing here leaves the machine.
		"resolv.conf": "nameserver " + c.rig.network.host() + "\n",
	} {
		if err := os.WriteFile(c.path(file), []byte(content), 0o600); err != nil {
			return fmt.Errorf("configuring the node: %w", err)
		}
	}
	// Pods that are not root read it.
	if err := os.Chmod(c.path("resolv.conf"), 0o644); err != nil {
		return fmt.Errorf("configuring the node: %w", err)
	}
	const script = `echo 1 > /proc/sys/net/ipv4/ip_forward && nft -f -`
	if _, err := runWithInput(ctx, strings.NewReader(masquerade), "nsenter", c.node.enter("sh", "-c", script)...); err != nil {
		return fmt.Errorf("preparing the Pods' network: %w", err)
	}
	err := c.node.start(ctx, c.path("log", "containerd.log"), "containerd", "--config", c.path("containerd.toml"))
	if err != nil {
		return err
	}
	return poll(ctx, "containerd answers", func() bool {
		_, err := c.ctr(ctx, "version")
		return err == nil
	})
}

// ctr runs containerd's client for Kubernetes' containers.
func (c *Cluster) ctr(ctx context.Context, args ...string) (string, error) {
	return run(ctx, "ctr", append([]string{"--address", c.containerdSocket(), "--namespace", "k8s.io"}, args...)...)
}

func (c *Cluster) startKubelet(ctx context.Context) error {
	config := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]any{"enabled": false},
			"x509":      map[string]any{"clientCAFile": c.path("pki", "ca.crt")},
		},
		"authorization":            map[string]any{"mode": "AlwaysAllow"},
		"clusterDNS":               []string{clusterDNSIP},
		"clusterDomain":            "cluster.local",
		"containerRuntimeEndpoint": "unix://" + c.containerdSocket(),
		"resolvConf":               c.path("resolv.conf"),
		"failSwapOn":               false,
		// The machine may have control groups of version 1, or only some of them.
		"cgroupDriver":                  "cgroupfs",
		"cgroupsPerQOS":                 false,
		"enforceNodeAllocatable":        []string{},
		"failCgroupV1":                  false,
		"localStorageCapacityIsolation": false,
		// A full disk of the machine must not evict Pods or remove images.
		"evictionHard": map[string]string{
			"memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%",
		},
		"imageGCHighThresholdPercent": 100,
	}
	if err := writeJSON(c.path("kubelet.json"), config); err != nil {
		return err
	}
	return c.startComponent(ctx, "kubelet",
		"--config="+c.path("kubelet.json"),
		"--hostname-override="+c.Name,
		"--kubeconfig="+c.path("kubelet.conf"),
		"--node-ip="+c.Address,
	)
}

func (c *Cluster) startKubeProxy(ctx context.Context) error {
	config := map[string]any{
		"apiVersion":       "kubeproxy.config.k8s.io/v1alpha1",
		"kind":             "KubeProxyConfiguration",
		"mode":             "nftables",
		"clusterCIDR":      podCIDR,
		"hostnameOverride": c.Name,
		"clientConnection": map[string]any{"kubeconfig": c.path("kube-proxy.conf")},
		// These are the whole machine's, not the node's.
		"conntrack": map[string]any{"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
	}
	if err := writeJSON(c.path("kube-proxy.json"), config); err != nil {
		return err
	}
	return c.startComponent(ctx, "kube-proxy", "--config="+c.path("kube-proxy.json"))
}

// writeJSON writes a configuration, which Kubernetes reads as YAML.
func writeJSON(path string, config map[string]any) error {
	content, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding %s: %w", path, err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
