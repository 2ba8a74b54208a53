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

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"

	xccv1 "github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/api/v1alpha1"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/dnsconfig"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/report"
)

const (
	// A failed reconcile is tried again after retryFirst, and then after twice the time, up to retryLast. Conflicts with another
	// writer count as failures.
	retryFirst = 20 * time.Millisecond
	retryLast  = 30 * time.Second

	// Somebody else may undo each write at once. After writesInARow of them, which one more per writesRefill makes up for, every
	// write is followed by a pause. It costs nothing: kubelet and CoreDNS take longer to bring a Corefile in.
	writesInARow = 5
	writesRefill = time.Minute
	writesPause  = 30 * time.Second
)

// Options say what a Controller looks after.
type Options struct {
	// Zones are forwarded to the DNS server. They are canonical as in package dnsname.
	Zones []string
	// Namespace has the DNS server's Service and this program's Deployment and memory.
	Namespace string
	// Choice says which CoreDNS are configured.
	Choice corefile.Choice
	// Nameservers are those of this program's Pod. They are reported.
	Nameservers []string
}

// Controller keeps the zones' server blocks in the Corefile. It is made by New and does nothing until Run.
type Controller struct {
	client  dynamic.Interface
	writer  writer
	config  *rest.Config
	metrics metrics
	zones   []string
	choice  corefile.Choice
	// nameservers is the value of report.KeyNameservers.
	nameservers string
	// self is the name of the Deployment and of the memory ConfigMap.
	self types.NamespacedName
	// pace is asked after each write. Nothing is written before pausedUntil.
	pace        flowcontrol.PassiveRateLimiter
	pausedUntil time.Time
	// probe is what ReportProbe was told, nil before.
	probe atomic.Pointer[string]

	queue workqueue.TypedRateLimitingInterface[struct{}]
	// configMaps are those that can hold configuration of cluster DNS.
	configMaps []watched
	service    watched
	memory     watched
	deployment watched
	informers  []cache.Controller
}

// watched is the latest known version of one object.
type watched struct {
	name  types.NamespacedName
	store cache.Store
}

// get returns nil when the object does not exist.
func (w watched) get() *unstructured.Unstructured {
	// A store's GetByKey has no errors.
	object, exists, _ := w.store.GetByKey(w.name.String())
	if !exists {
		return nil
	}
	return object.(*unstructured.Unstructured)
}

// New returns a Controller for the cluster of the configuration. It registers its metrics.
func New(config *rest.Config, options Options, registerer prometheus.Registerer) (*Controller, error) {
	client, err := newClient(config)
	if err != nil {
		return nil, err
	}
	c := &Controller{
		client:      client,
		writer:      writer{client},
		config:      config,
		metrics:     newMetrics(registerer),
		zones:       options.Zones,
		choice:      options.Choice,
		nameservers: strings.Join(options.Nameservers, " "),
		self:        types.NamespacedName{Namespace: options.Namespace, Name: xccv1.DNSConfigPatcherName},
		pace:        flowcontrol.NewTokenBucketPassiveRateLimiter(float32(time.Second)/float32(writesRefill), writesInARow),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[struct{}](retryFirst, retryLast)),
	}
	always := func(any, any) { c.queue.Add(struct{}{}) }
	for _, name := range c.choice.ConfigMaps() {
		c.configMaps = append(c.configMaps, c.watch(configMaps, name, always))
	}
	c.service = c.watch(services, types.NamespacedName{Namespace: options.Namespace, Name: xccv1.DNSServerName}, always)
	c.memory = c.watch(configMaps, c.self, c.memoryChanged)
	c.deployment = c.watch(deployments, c.self, c.deploymentChanged)
	return c, nil
}

// memoryChanged leads to a reconcile if it changes what is ours. A reconcile that follows from the report of a failure
// would not wait as it should after one, and messages of API servers differ from one failure to the next.
func (c *Controller) memoryChanged(before, now any) {
	written := func(object any) string { return dnsconfig.Data(object.(*unstructured.Unstructured))[report.KeyWritten] }
	if written(before) != written(now) {
		c.queue.Add(struct{}{})
	}
}

// deploymentChanged leads to a reconcile if something else is asked of us. Whatever happens to the Pods changes the status.
func (c *Controller) deploymentChanged(before, now any) {
	if wishOf(before.(*unstructured.Unstructured)) != wishOf(now.(*unstructured.Unstructured)) {
		c.queue.Add(struct{}{})
	}
}

// ReportProbe takes over why the last lookup through the cluster's DNS failed, the empty string if it did not, to report
// it beside the state. It can be called at any time from anywhere.
func (c *Controller) ReportProbe(failure string) {
	if former := c.probe.Swap(&failure); former == nil || *former != failure {
		c.queue.Add(struct{}{})
	}
}

// watch prepares an informer for one object, which leads to a reconcile when it comes, goes, or as changed says.
func (c *Controller) watch(resource schema.GroupVersionResource, name types.NamespacedName, changed func(before, now any)) watched {
	store, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: listWatch(c.client, resource, name),
		ObjectType:    &unstructured.Unstructured{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { c.queue.Add(struct{}{}) },
			UpdateFunc: changed,
			DeleteFunc: func(any) { c.queue.Add(struct{}{}) },
		},
	})
	c.informers = append(c.informers, informer)
	return watched{name: name, store: store}
}

// HasSynced returns whether the watched objects are known. It does not say that the zones are forwarded: a Corefile
// that its owner has to correct must not stop a rollout.
func (c *Controller) HasSynced() bool {
	for _, informer := range c.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	return true
}

// Run works until the context ends. It leaves the Corefile as it is then.
func (c *Controller) Run(ctx context.Context) {
	for _, informer := range c.informers {
		go informer.RunWithContext(ctx)
	}
	if !cache.WaitForCacheSync(ctx.Done(), c.HasSynced) {
		return
	}
	// Nothing to see is something to report, too.
	c.queue.Add(struct{}{})
	go func() {
		<-ctx.Done()
		c.queue.ShutDown()
	}()
	for c.processNext(ctx) {
	}
}

func (c *Controller) processNext(ctx context.Context) bool {
	item, shutdown := c.queue.Get()
	if shutdown {
		return false
	}
	defer c.queue.Done(item)
	err := c.reconcile(ctx)
	if err == nil {
		c.queue.Forget(item)
		return true
	}
	if !isStale(err) && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Failed to reconcile the Corefile")
	}
	c.queue.AddRateLimited(item)
	return true
}

func (c *Controller) reconcile(ctx context.Context) error {
	o := c.observe(ctx)
	if o.wish == ended {
		return nil
	}
	d := decide(o, c.zones)
	if pause := time.Until(c.pausedUntil); pause > 0 && len(d.edits) > 0 {
		c.queue.AddAfter(struct{}{}, pause)
		return nil
	}
	err := c.write(ctx, &o, d)
	if isStale(err) {
		return err
	}
	if err != nil {
		d = d.failed(err)
	}
	return errors.Join(err, c.report(ctx, &o, d))
}

// observe asks the API server only if nothing is found.
func (c *Controller) observe(ctx context.Context) observation {
	o := observation{choice: c.choice, wish: wishOf(c.deployment.get()), Objects: dnsconfig.Objects{
		ConfigMaps: map[types.NamespacedName]*unstructured.Unstructured{}, Service: c.service.get(), Memory: c.memory.get(),
	}}
	for _, w := range c.configMaps {
		o.ConfigMaps[w.name] = w.get()
	}
	if decide(o, c.zones).state == report.CorefileNotFound {
		o.other = c.otherDNS(ctx)
	}
	return o
}

// isStale returns whether somebody else wrote what is to be written. The watch brings it in a moment.
func isStale(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

// write remembers what it is going to write, and writes it. It does nothing when all is as it should be.
func (c *Controller) write(ctx context.Context, o *observation, d decision) error {
	if len(d.edits) == 0 {
		return nil
	}
	if err := c.remember(ctx, o, map[string]string{report.KeyWritten: d.written, report.KeyWrittenTo: d.writtenTo}); err != nil {
		return fmt.Errorf("remembering what will be written: %w", err)
	}
	for _, edit := range d.edits {
		if err := o.Apply(ctx, c.writer, edit); err != nil {
			return err
		}
		c.metrics.writes.Inc()
		klog.FromContext(ctx).Info("Wrote CoreDNS's configuration", "ConfigMap", klog.KRef(edit.ConfigMap.Namespace, edit.ConfigMap.Name), "key", edit.Key, "zones", c.zones)
	}
	if !c.pace.TryAccept() {
		c.pausedUntil = time.Now().Add(writesPause)
		klog.FromContext(ctx).Info("Pausing, because somebody else writes CoreDNS's configuration, too", "pause", writesPause)
	}
	return nil
}

// report tells the state to whoever looks, and its change as an Event.
func (c *Controller) report(ctx context.Context, o *observation, d decision) error {
	memory := dnsconfig.Data(o.Memory)
	former := report.State(memory[report.KeyState])
	since := memory[report.KeySince]
	// What CoreDNS still has counts from the last write.
	if former != d.state || since == "" || d.state == report.Removed && len(d.edits) > 0 || d.moves {
		since = time.Now().UTC().Format(time.RFC3339)
	}
	values := map[string]string{
		report.KeyState: string(d.state), report.KeyMessage: d.message, report.KeySince: since,
		report.KeyCoreDNS: d.coreDNS, report.KeyWritten: d.written, report.KeyWrittenTo: d.writtenTo, report.KeyNameservers: c.nameservers,
	}
	if probe := c.probe.Load(); probe != nil {
		values[report.KeyProbe] = *probe
	}
	err := c.remember(ctx, o, values)
	c.metrics.setState(d.state) // Also when it cannot be remembered: then nothing else shows it.
	if err != nil {
		return fmt.Errorf("remembering the state: %w", err)
	}
	if former == d.state {
		return nil
	}
	klog.FromContext(ctx).Info("State changed", "from", former, "to", d.state, "message", d.message)
	c.recordEvent(ctx, d.state, d.message)
	return nil
}
