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

package addon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	utilyaml "sigs.k8s.io/cluster-api/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/templates"
)

// payloadName returns the name of a Cluster's payload Secret and ClusterResourceSet.
func payloadName(cluster client.Object) client.ObjectKey {
	return client.ObjectKey{Namespace: cluster.GetNamespace(), Name: cluster.GetName() + xccv1.PayloadSuffix}
}

// payloadToCluster returns the Cluster to which a Secret or ClusterResourceSet belongs by its name,
// if any.
func payloadToCluster(_ context.Context, object client.Object) []reconcile.Request {
	name, ok := strings.CutSuffix(object.GetName(), xccv1.PayloadSuffix)
	if !ok || name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: object.GetNamespace(), Name: name}}}
}

const (
	// payloadKey is the only key of a payload, because a ClusterResourceSet keeps the order of
	// objects within one key only.
	payloadKey = "xcc-dns.yaml"
	// againPrefix begins the comment that has the same objects applied once more: a
	// ClusterResourceSet applies if the hash of the text changes.
	againPrefix = "# Applied again: "
)

// payload is the manifests for one workload cluster.
type payload struct {
	// objects carry the hash as PayloadAnnotation.
	objects []unstructured.Unstructured
	// hash tells payloads apart. It is that of the objects without the annotation.
	hash string
	// text is the objects as a YAML stream.
	text []byte
}

// newPayload returns the payload for the values. The same values give the same payload.
func newPayload(values templates.Values) (payload, error) {
	objects, err := templates.Objects(values)
	if err != nil {
		return payload{}, fmt.Errorf("filling in the manifests: %w", err)
	}
	bare, err := utilyaml.FromUnstructured(objects)
	if err != nil {
		return payload{}, fmt.Errorf("encoding the manifests: %w", err)
	}
	sum := sha256.Sum256(bare)
	p := payload{objects: objects, hash: hex.EncodeToString(sum[:8])}
	for i := range objects {
		setAnnotation(&objects[i], xccv1.PayloadAnnotation, p.hash)
	}
	if p.text, err = utilyaml.FromUnstructured(objects); err != nil {
		return payload{}, fmt.Errorf("encoding the payload: %w", err)
	}
	return p, nil
}

// put gives a Secret the payload. The count of applies stays if the text does.
func (p payload) put(secret *corev1.Secret) {
	count, text := split(secret.Data[payloadKey])
	if string(text) != string(p.text) {
		count = 0
	}
	secret.Type = addonsv1.ClusterResourceSetSecretType
	secret.Data = map[string][]byte{payloadKey: join(count, p.text)}
}

// objectsOf returns the objects that a payload Secret holds; none if the text cannot be parsed.
func objectsOf(secret *corev1.Secret) []unstructured.Unstructured {
	objects, err := utilyaml.ToUnstructured(secret.Data[payloadKey])
	if err != nil {
		return nil
	}
	return objects
}

// split returns how often a payload was applied again, and the text after that comment.
func split(data []byte) (count int, text []byte) {
	first, rest, ok := bytes.Cut(data, []byte("\n"))
	number, isComment := strings.CutPrefix(string(first), againPrefix)
	if !ok || !isComment {
		return 0, data
	}
	count, err := strconv.Atoi(number)
	if err != nil || count < 0 {
		return 0, rest
	}
	return count, rest
}

// join is the reverse of split.
func join(count int, text []byte) []byte {
	if count == 0 {
		return text
	}
	return append([]byte(againPrefix+strconv.Itoa(count)+"\n"), text...)
}

// applyAgain changes the data of a payload Secret such that its ClusterResourceSet applies the same
// objects again.
func applyAgain(secret *corev1.Secret) {
	count, text := split(secret.Data[payloadKey])
	secret.Data = map[string][]byte{payloadKey: join(count+1, text)}
}
