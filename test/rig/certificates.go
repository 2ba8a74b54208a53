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
	"encoding/base64"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// injectAnnotation names the Certificate whose CA cert-manager injects into an object.
const injectAnnotation = "cert-manager.io/inject-ca-from"

// issueCertificates replaces cert-manager: it creates the Secrets of all existing Certificates
// once, and injects the CA into the annotated objects.
func (m *Management) issueCertificates(ctx context.Context) error {
	cfg, err := m.RESTConfig()
	if err != nil {
		return err
	}
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		return fmt.Errorf("making a client for cluster %s: %w", m.Name, err)
	}
	ca, err := newAuthority("rig")
	if err != nil {
		return err
	}
	certificates, err := list(ctx, c, schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"})
	if err != nil {
		return err
	}
	for i := range certificates {
		if err := issueCertificate(ctx, c, ca, &certificates[i]); err != nil {
			return err
		}
	}
	return injectAuthority(ctx, c, ca)
}

// issueCertificate creates the Secret of a Certificate.
func issueCertificate(ctx context.Context, c client.Client, ca *authority, certificate *unstructured.Unstructured) error {
	names, _, err := unstructured.NestedStringSlice(certificate.Object, "spec", "dnsNames")
	if err != nil {
		return fmt.Errorf("reading Certificate %s: %w", certificate.GetName(), err)
	}
	secretName, _, err := unstructured.NestedString(certificate.Object, "spec", "secretName")
	if err != nil {
		return fmt.Errorf("reading Certificate %s: %w", certificate.GetName(), err)
	}
	pair, err := ca.server(names)
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: certificate.GetNamespace(), Name: secretName},
		Type:       corev1.SecretTypeTLS,
		Data: map[string][]byte{
			corev1.TLSCertKey: pair.certificate, corev1.TLSPrivateKeyKey: pair.key, "ca.crt": ca.certificate,
		},
	}
	if err := c.Create(ctx, secret); err != nil {
		return fmt.Errorf("creating the Secret of Certificate %s: %w", certificate.GetName(), err)
	}
	return nil
}

// injectAuthority injects the CA into webhooks and CRDs, so that the API server trusts the
// webhooks.
func injectAuthority(ctx context.Context, c client.Client, ca *authority) error {
	bundle := base64.StdEncoding.EncodeToString(ca.certificate)
	for _, kind := range []schema.GroupVersionKind{
		{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "ValidatingWebhookConfiguration"},
		{Group: "admissionregistration.k8s.io", Version: "v1", Kind: "MutatingWebhookConfiguration"},
	} {
		objects, err := list(ctx, c, kind)
		if err != nil {
			return err
		}
		for i := range objects {
			object := &objects[i]
			if object.GetAnnotations()[injectAnnotation] == "" {
				continue
			}
			before := object.DeepCopy()
			if err := setBundle(object, bundle); err != nil {
				return fmt.Errorf("reading %s %s: %w", kind.Kind, object.GetName(), err)
			}
			if err := c.Patch(ctx, object, client.MergeFrom(before)); err != nil {
				return fmt.Errorf("writing the authority into %s %s: %w", kind.Kind, object.GetName(), err)
			}
		}
	}
	return nil
}

// setBundle sets the CA bundle of each webhook, or of a CRD's conversion webhook.
func setBundle(object *unstructured.Unstructured, bundle string) error {
	webhooks, found, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return err
	}
	if !found {
		return unstructured.SetNestedField(object.Object, bundle, "spec", "conversion", "webhook", "clientConfig", "caBundle")
	}
	for _, webhook := range webhooks {
		fields, ok := webhook.(map[string]any)
		if !ok {
			return fmt.Errorf("a webhook is a %T", webhook)
		}
		if err := unstructured.SetNestedField(fields, bundle, "clientConfig", "caBundle"); err != nil {
			return err
		}
	}
	return unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")
}

func list(ctx context.Context, c client.Client, kind schema.GroupVersionKind) ([]unstructured.Unstructured, error) {
	found := &unstructured.UnstructuredList{}
	found.SetGroupVersionKind(kind)
	if err := c.List(ctx, found); err != nil {
		return nil, fmt.Errorf("listing %s: %w", kind.Kind, err)
	}
	return found.Items, nil
}
