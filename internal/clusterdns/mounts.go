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

package clusterdns

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/text"
)

// corefile returns the key of the Corefile. node-cache renders the Corefile from a template if
// there is one.
func (p program) corefile(mounts []corefile.Mount) (corefile.File, error) {
	paths := []string{p.conf()}
	if p.nodeCache {
		base := p.flags[baseFlag]
		if base == "" {
			base = defaultNodeCacheBase
		}
		paths = []string{p.absolute(base), p.conf()}
	}
	err := fmt.Errorf("its Corefile %s is in no volume", p.conf())
	for _, file := range paths {
		mount, found := mountOf(mounts, file)
		switch {
		case !found:
		case mount.ConfigMap == types.NamespacedName{}:
			err = fmt.Errorf("its Corefile %s is in %s", p.conf(), mount.Words)
		default:
			if key := keyAt(mount, file); key != "" {
				return corefile.File{ConfigMap: mount.ConfigMap, Key: key}, nil
			}
			err = fmt.Errorf("its Corefile %s is not in ConfigMap %s, which is mounted at %s", p.conf(), mount.ConfigMap, mount.Path)
		}
	}
	return corefile.File{}, err
}

// mountOf returns the mount with the longest path that contains a file.
func mountOf(mounts []corefile.Mount, file string) (corefile.Mount, bool) {
	var longest corefile.Mount
	found := false
	for _, mount := range mounts {
		within := file == mount.Path || mount.Key == "" && strings.HasPrefix(file, strings.TrimSuffix(mount.Path, "/")+"/")
		if within && (!found || len(mount.Path) > len(longest.Path)) {
			longest, found = mount, true
		}
	}
	return longest, found
}

// keyAt returns the key at a path of a mounted ConfigMap, or "".
func keyAt(mount corefile.Mount, file string) string {
	key := mount.Key
	relative := strings.TrimPrefix(strings.TrimPrefix(file, mount.Path), "/")
	switch {
	case key != "":
	case mount.Items != nil:
		key = mount.Items[relative]
	default:
		key = relative
	}
	if len(validation.IsConfigMapKey(key)) > 0 {
		return ""
	}
	return key
}

// validPath matches paths without characters that Kubernetes, a shell or a Corefile would expand.
var validPath = regexp.MustCompile(`^/[A-Za-z0-9._/-]*$`)

// mount returns the Mount of a volume mount. A volume that is not a single ConfigMap has only
// Words.
func (p program) mount(vm corev1.VolumeMount) (corefile.Mount, error) {
	mount := corefile.Mount{Path: path.Clean(vm.MountPath)}
	if !validPath.MatchString(mount.Path) || len(mount.Path) > maxPath {
		return corefile.Mount{}, errors.New("the path of one of its volume mounts is not plain")
	}
	for i := range p.volumes {
		if volume := &p.volumes[i]; volume.Name == vm.Name {
			return p.mountVolume(mount, vm, volume)
		}
	}
	mount.Words = "a volume that does not exist"
	return mount, nil
}

func (p program) mountVolume(mount corefile.Mount, vm corev1.VolumeMount, volume *corev1.Volume) (corefile.Mount, error) {
	name, items, ok := configMapOf(volume)
	if !ok || vm.SubPathExpr != "" {
		mount.Words = "volume " + shortName(volume.Name) + " of " + p.String() + ", which is not a ConfigMap"
		return mount, nil
	}
	if len(validation.IsDNS1123Subdomain(name)) > 0 || len(validation.IsDNS1123Label(p.namespace)) > 0 {
		return corefile.Mount{}, errors.New("one of its volumes is a ConfigMap whose name is invalid")
	}
	mount.ConfigMap = types.NamespacedName{Namespace: p.namespace, Name: name}
	if len(items) > maxMounts {
		return corefile.Mount{}, fmt.Errorf("one of its volumes has more than %d items", maxMounts)
	}
	for _, item := range items {
		if !validPath.MatchString("/"+item.Path) || len(item.Path) > maxPath || len(validation.IsConfigMapKey(item.Key)) > 0 {
			return corefile.Mount{}, errors.New("the path or key of an item of one of its volumes is not plain")
		}
		if mount.Items == nil {
			mount.Items = map[string]string{}
		}
		mount.Items[path.Clean(item.Path)] = item.Key
	}
	if vm.SubPath == "" {
		return mount, nil
	}
	// A subPath in a ConfigMap's volume is a key.
	mount.Key = path.Clean(vm.SubPath)
	if mount.Items != nil {
		mount.Key = mount.Items[mount.Key]
	}
	mount.Items = nil
	if len(validation.IsConfigMapKey(mount.Key)) > 0 {
		return corefile.Mount{}, fmt.Errorf("it mounts a subPath of ConfigMap %s that is not a key", mount.ConfigMap)
	}
	return mount, nil
}

// configMapOf returns the ConfigMap of a volume, or of a projected volume with a ConfigMap as its
// only source.
func configMapOf(volume *corev1.Volume) (name string, items []corev1.KeyToPath, ok bool) {
	switch {
	case volume.ConfigMap != nil:
		return volume.ConfigMap.Name, volume.ConfigMap.Items, true
	case volume.Projected != nil && len(volume.Projected.Sources) == 1 && volume.Projected.Sources[0].ConfigMap != nil:
		source := volume.Projected.Sources[0].ConfigMap
		return source.Name, source.Items, true
	}
	return "", nil, false
}

// shortName limits the name of a volume for a message.
func shortName(name string) string { return text.Line(name, validation.DNS1123LabelMaxLength) }
