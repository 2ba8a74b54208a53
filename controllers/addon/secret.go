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
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	addonsv1 "sigs.k8s.io/cluster-api/api/addons/v1beta2"
	clusterv1 "sigs.k8s.io/cluster-api/api/core/v1beta2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/install"
)

// scope is what the management cluster holds of the add-on of one Cluster.
type scope struct {
	cluster *clusterv1.Cluster
	// secret, set and binding are nil when they do not exist.
	secret  *corev1.Secret
	set     *addonsv1.ClusterResourceSet
	binding *addonsv1.ClusterResourceSetBinding
	// foreign names objects that have the name of one of ours and are not ours.
	foreign []string
	// wait is how soon to look whether it is the Cluster's turn to be given another payload; zero if it waits for none.
	wait time.Duration
	// leaving says that the workload cluster has Pods of the old project's DNS server.
	leaving bool
}

func (s *scope) key() client.ObjectKey { return client.ObjectKeyFromObject(s.cluster) }

// newScope reads from the cache, and the payload from the API server when the cache has none although there should be one:
// it may have lost the label by which the cache selects Secrets.
func (r *Reconciler) newScope(ctx context.Context, cluster *clusterv1.Cluster) (*scope, error) {
	s := &scope{cluster: cluster}
	defer s.leaveForeign()
	name := client.ObjectKey{Namespace: cluster.Namespace, Name: cluster.Name + suffix}
	var err error
	if s.set, err = get(ctx, r.Client, name, &addonsv1.ClusterResourceSet{}); err != nil {
		return nil, err
	}
	if s.binding, err = get(ctx, r.Client, client.ObjectKeyFromObject(cluster), &addonsv1.ClusterResourceSetBinding{}); err != nil {
		return nil, err
	}
	if s.secret, err = get(ctx, r.Client, name, &corev1.Secret{}); err != nil || s.secret != nil {
		return s, err
	}
	if cluster.Labels[xccv1.DNSLabel] == xccv1.DNSEnabled || s.installed() {
		s.secret, err = get(ctx, client.Reader(r.Uncached), name, &corev1.Secret{})
	}
	return s, err
}

// installed returns whether anything of the add-on is left for the Cluster in the management cluster.
func (s *scope) installed() bool {
	_, labelled := s.cluster.Labels[xccv1.DNSClusterLabel]
	return labelled || s.secret != nil || s.set != nil
}

// isForgotten returns whether all that is left is a ClusterResourceSet that waits for its finalizer to be taken away by Cluster API.
// The payload goes last, so nothing is left to do.
func (s *scope) isForgotten() bool {
	_, labelled := s.cluster.Labels[xccv1.DNSClusterLabel]
	return !labelled && s.secret == nil && s.set != nil && !s.set.DeletionTimestamp.IsZero()
}

// get returns nil when there is no such object.
func get[T client.Object](ctx context.Context, reader client.Reader, key client.ObjectKey, object T) (T, error) {
	var none T
	if err := reader.Get(ctx, key, object); apierrors.IsNotFound(err) {
		return none, nil
	} else if err != nil {
		return none, fmt.Errorf("reading %T %s: %w", object, key, err)
	}
	return object, nil
}

// reconcilePayload gives the payload Secret what the flags and the options of the Cluster ask for, when it is the Cluster's
// turn.
func (r *Reconciler) reconcilePayload(ctx context.Context, s *scope) error {
	wanted, problem, err := r.payloadFor(s)
	if err != nil {
		return err
	}
	if problem != "" && (s.secret == nil || s.secret.Annotations[xccv1.InvalidOptionsAnnotation] != problem) {
		r.Recorder.Eventf(s.cluster, nil, corev1.EventTypeWarning, "InvalidOptions", "Install", "%s", problem)
	}
	keep := s.secret != nil && problem != ""
	turn := install.Decision{May: true}
	if s.secret != nil && !keep && s.secret.Annotations[xccv1.PayloadAnnotation] != wanted.hash {
		if turn, err = r.rollout.admit(ctx, s.key(), wanted); err != nil {
			return err
		}
	}
	s.wait = turn.Wait
	return r.changeSecret(ctx, s, func(secret *corev1.Secret) error {
		setOrDelete(secret, xccv1.InvalidOptionsAnnotation, problem)
		setOrDelete(secret, xccv1.WaitingAnnotation, turn.Why)
		if _, removing := secret.Annotations[xccv1.RemovingAnnotation]; removing {
			// The label came back in the middle of a removal.
			delete(secret.Annotations, xccv1.RemovingAnnotation)
			delete(secret.Annotations, drainingAnnotation)
			applyAgain(secret)
		}
		if keep || !turn.May {
			return nil
		}
		if pinned := s.pinned(); pinned != nil {
			setOrDelete(secret, clusterDNSAnnotation, s.clusterDNS().AddTouched(*pinned).String())
		}
		r.noteReady(s, secret, wanted)
		if secret.Annotations[xccv1.PayloadAnnotation] != wanted.hash {
			setAnnotation(secret, givenAnnotation, time.Now().UTC().Format(time.RFC3339))
		}
		setAnnotation(secret, releaseAnnotation, r.rollout.release)
		return put(secret, wanted)
	})
}

// payloadFor returns the payload with the options of a Cluster and what was found of its DNS, or one sentence that says what is wrong with
// the options, and the payload without them: a Cluster that has none yet must be given one.
func (r *Reconciler) payloadFor(s *scope) (payload, string, error) {
	values := r.Values
	values.ClusterDNS = s.clusterDNS().Choice(s.pinned())
	if !install.HasOptions(s.cluster.Annotations) && values.ClusterDNS.IsZero() {
		return r.release, "", nil
	}
	values, problem := install.Options(s.cluster.Annotations, values, r.Bounds)
	if problem != "" {
		return r.release, problem, nil
	}
	wanted, err := newPayload(values)
	return wanted, "", err
}

// noteReady remembers whether there is something to lose when a Secret is given another payload.
func (r *Reconciler) noteReady(s *scope, secret *corev1.Secret, wanted payload) {
	former := secret.Annotations[xccv1.PayloadAnnotation]
	switch {
	case former == wanted.hash:
	case isReady(s.cluster):
		setOrDelete(secret, readyAnnotation, former)
	default:
		delete(secret.Annotations, readyAnnotation)
	}
}

// put gives a Secret the payload, and remembers what the former payload had besides.
func put(secret *corev1.Secret, wanted payload) error {
	kept := references(wanted.objects)
	obsolete := obsoleteOf(secret)
	if secret.ResourceVersion == "" {
		obsolete = append(obsolete, legacyObjects()...)
	}
	obsolete = append(obsolete, references(objectsOf(secret))...)
	if err := setObsolete(secret, obsolete, kept); err != nil {
		return err
	}
	count, text := split(secret.Data[payloadKey])
	if string(text) != string(wanted.text) {
		count = 0
	}
	secret.Type = addonsv1.ClusterResourceSetSecretType
	secret.Data = map[string][]byte{payloadKey: join(count, wanted.text)}
	setAnnotation(secret, xccv1.PayloadAnnotation, wanted.hash)
	return nil
}

// changeSecret creates or changes the payload Secret. It fails with a conflict when it is not the version that was read any
// more, so that nothing that is remembered there is lost.
func (r *Reconciler) changeSecret(ctx context.Context, s *scope, change func(*corev1.Secret) error) error {
	changed := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.cluster.Namespace, Name: s.cluster.Name + suffix}}
	if s.secret != nil {
		changed = s.secret.DeepCopy()
	}
	if err := change(changed); err != nil {
		return err
	}
	if err := r.setOwner(s.cluster, changed); err != nil {
		return err
	}
	if s.secret == nil {
		if err := r.Client.Create(ctx, changed); err != nil {
			return fmt.Errorf("creating Secret %s: %w", klog.KObj(changed), err)
		}
	} else if err := r.patch(ctx, s.secret, changed); err != nil {
		return err
	}
	s.secret = changed
	return nil
}

// patch sends what differs, if anything does. It fails with a conflict when the object is not what it was before.
func (r *Reconciler) patch(ctx context.Context, before, object client.Object) error {
	if apiequality.Semantic.DeepEqual(before, object) {
		return nil
	}
	before = before.DeepCopyObject().(client.Object)
	if err := r.Client.Patch(ctx, object, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("writing %T %s: %w", object, klog.KObj(object), err)
	}
	return nil
}

func setOrDelete(object client.Object, annotation, value string) {
	if value != "" {
		setAnnotation(object, annotation, value)
		return
	}
	annotations := maps.Clone(object.GetAnnotations())
	delete(annotations, annotation)
	object.SetAnnotations(annotations)
}

// ownedBy returns whether the owner, and not a former object of its name, is an owner of the object.
func ownedBy(object client.Object, owner client.Object) bool {
	return slices.ContainsFunc(object.GetOwnerReferences(), func(r metav1.OwnerReference) bool { return r.UID == owner.GetUID() })
}
