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

package patcher

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/httpserver"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/controller"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/probe"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/patcher/reports"
)

// Run works until the context ends. It returns an error if the options are wrong, an address cannot be bound, or a server fails.
// An API server that is away is no error.
func Run(ctx context.Context, options Options) error {
	if err := options.Validate(); err != nil {
		return err
	}
	config, err := remote.Config(options.Kubeconfig)
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	nameservers, err := probe.Nameservers(options.ResolvConf)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Failed to read the nameservers of the Pod")
	}
	corefile, err := controller.New(config, controller.Options{
		Zones: options.Zones, Namespace: options.Namespace, Choice: options.Choice, Nameservers: nameservers,
	}, registry)
	if err != nil {
		return err
	}
	prober, err := probe.New(config, probe.Options{
		Zones: options.Zones, Namespace: options.Namespace, Interval: options.ProbeInterval, ResolvConf: options.ResolvConf,
	}, corefile.ReportProbe, registry)
	if err != nil {
		return err
	}
	collector, err := reports.New(config, reports.Options{Namespace: options.Namespace}, registry)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := serve(running, cancel, options.HealthBindAddress, healthHandler(corefile.HasSynced)); err != nil {
		return err
	}
	if err := serve(running, cancel, options.MetricsBindAddress, metricsHandler(registry)); err != nil {
		return err
	}
	var others sync.WaitGroup
	others.Go(func() { prober.Run(running) })
	others.Go(func() { collector.Run(running) })
	corefile.Run(running)
	others.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(running)
}

// healthHandler serves /healthz, which always succeeds, and /readyz, which succeeds once the watches have synced.
func healthHandler(hasSynced func() bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !hasSynced() {
			http.Error(w, "the watches have not synced", http.StatusServiceUnavailable)
		}
	})
	return mux
}

func metricsHandler(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// serve listens on the address and returns. It serves until the context ends, and cancels the context if serving fails.
func serve(ctx context.Context, cancel context.CancelCauseFunc, address string, handler http.Handler) error {
	server, err := httpserver.Listen(ctx, address, handler)
	if err != nil {
		return fmt.Errorf("listening for HTTP: %w", err)
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	go func() {
		if err := server.Serve(); err != nil {
			cancel(fmt.Errorf("serving HTTP on %s: %w", address, err))
		}
	}()
	return nil
}
