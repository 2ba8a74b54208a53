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

package cloud

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// Run assigns addresses until the context is done.
func Run(ctx context.Context, cfg *rest.Config, addresses []string) error {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	changed := make(chan struct{}, 1)
	wake := func() {
		select {
		case changed <- struct{}{}:
		default: // A reconcile is already due.
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	_, err = factory.Core().V1().Services().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { wake() },
		UpdateFunc: func(any, any) { wake() },
		DeleteFunc: func(any) { wake() },
	})
	if err != nil {
		return fmt.Errorf("watching Services: %w", err)
	}
	factory.Start(ctx.Done())

	provider := newProvider(client, addresses)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
			if err := provider.reconcile(ctx); err != nil {
				slog.Error("Giving addresses failed, trying again in a second", "err", err)
				time.AfterFunc(time.Second, wake)
			}
		}
	}
}

type provider struct {
	client kubernetes.Interface
	pools  map[corev1.IPFamily]*pool
}

func newProvider(client kubernetes.Interface, addresses []string) *provider {
	p := &provider{client: client, pools: map[corev1.IPFamily]*pool{corev1.IPv4Protocol: {}, corev1.IPv6Protocol: {}}}
	for _, address := range addresses {
		family := corev1.IPv4Protocol
		if strings.Contains(address, ":") {
			family = corev1.IPv6Protocol
		}
		p.pools[family].addresses = append(p.pools[family].addresses, address)
	}
	return p
}

// reconcile reads the Services uncached, because a stale list could assign one address to two of
// them.
func (p *provider) reconcile(ctx context.Context) error {
	services, err := p.client.CoreV1().Services(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("listing Services: %w", err)
	}
	used := map[string]bool{}
	for _, service := range services.Items {
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			used[ingress.IP] = true
		}
	}
	var errs []error
	for i := range services.Items {
		service := &services.Items[i]
		if !waits(service) {
			continue
		}
		if err := p.give(ctx, service, used); err != nil {
			errs = append(errs, fmt.Errorf("giving Service %s/%s its address: %w", service.Namespace, service.Name, err))
		}
	}
	return errors.Join(errs...)
}

// give assigns an address of each of its families to a Service.
func (p *provider) give(ctx context.Context, service *corev1.Service, used map[string]bool) error {
	families := service.Spec.IPFamilies
	if len(families) == 0 {
		families = []corev1.IPFamily{corev1.IPv4Protocol}
	}
	var ingress []corev1.LoadBalancerIngress
	for _, family := range families {
		address, ok := p.pools[family].next(used)
		if !ok {
			return fmt.Errorf("no address of %s is left", family)
		}
		used[address] = true
		ingress = append(ingress, corev1.LoadBalancerIngress{IP: address})
	}
	service.Status.LoadBalancer.Ingress = ingress
	_, err := p.client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, service, metav1.UpdateOptions{})
	if err == nil {
		slog.Info("Gave addresses", "service", service.Namespace+"/"+service.Name, "ingress", ingress)
	}
	return err
}

// waits returns whether a Service needs an address from this provider.
func waits(service *corev1.Service) bool {
	return service.Spec.Type == corev1.ServiceTypeLoadBalancer &&
		service.Spec.LoadBalancerClass == nil &&
		service.DeletionTimestamp == nil &&
		len(service.Status.LoadBalancer.Ingress) == 0
}

// pool assigns addresses round-robin. As in real clouds, a re-created Service gets another address.
type pool struct {
	addresses []string
	last      string
}

// next returns the next free address after the last assigned one.
func (p *pool) next(used map[string]bool) (string, bool) {
	after := slices.Index(p.addresses, p.last) + 1
	for i := range p.addresses {
		address := p.addresses[(after+i)%len(p.addresses)]
		if !used[address] {
			p.last = address
			return address, true
		}
	}
	return "", false
}
