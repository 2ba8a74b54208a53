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

// Command dns-config-patcher makes CoreDNS forward the zones to the DNS server of its cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/corefile"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/probe"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/httpserver"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/remote"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/version"
)

func main() {
	options, err := parseOptions(os.Args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case errors.Is(err, errVersion):
		fmt.Println(version.Version)
		return
	}
	if err == nil {
		err = options.Validate()
	}
	if err == nil {
		err = run(context.Background(), options)
	}
	if err != nil {
		klog.Background().Error(err, "Failed to run")
		klog.Flush()
		os.Exit(1)
	}
}

// run blocks until the context ends or the process gets a signal to stop.
func run(ctx context.Context, options Options) error {
	signalled, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
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
	controller, err := corefile.New(config, corefile.Options{
		Zones: options.Zones, Namespace: options.Namespace, Choice: options.Choice, Nameservers: nameservers,
	}, registry)
	if err != nil {
		return err
	}
	prober, err := probe.New(config, probe.Options{
		Zones: options.Zones, Namespace: options.Namespace, Interval: options.ProbeInterval, ResolvConf: options.ResolvConf,
	}, controller.ReportProbe, registry)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(signalled)
	defer cancel(nil)
	if err := serve(ctx, cancel, options.HealthBindAddress, healthHandler(controller)); err != nil {
		return err
	}
	if err := serve(ctx, cancel, options.MetricsBindAddress, metricsHandler(registry)); err != nil {
		return err
	}
	var running sync.WaitGroup
	running.Go(func() { prober.Run(ctx) })
	controller.Run(ctx)
	running.Wait()
	if signalled.Err() != nil {
		return nil
	}
	return context.Cause(ctx)
}

// healthHandler serves /healthz and /readyz. The process is ready once the controller's watches have synced.
func healthHandler(controller *corefile.Controller) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !controller.HasSynced() {
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

// serve starts to listen and serves in the background until the context ends. It cancels the context if serving fails.
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
