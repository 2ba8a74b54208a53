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

package endpoints

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/httpserver"
)

// Disabled is the address that turns an endpoint off, of controller-runtime and of Add.
const Disabled = "0"

// Options say where the endpoints are.
type Options struct {
	// HealthAddress is where /healthz and /readyz are served, as [host]:port. Nothing is served if it is empty or
	// Disabled.
	HealthAddress string
	// Diagnostics say where and how /metrics and the extra handlers are served. The ListenConfig is not used.
	Diagnostics metricsserver.Options
}

// Add binds the addresses and adds both endpoints to the manager. It serves them before its caches fill, whether it is
// the leader or not. Requests for diagnostics end with the context.
func Add(ctx context.Context, mgr ctrl.Manager, options Options) error {
	health, err := listenHealth(ctx, options.HealthAddress)
	if err != nil {
		return fmt.Errorf("serving health: %w", err)
	}
	diagnostics, err := listenDiagnostics(ctx, mgr, options.Diagnostics)
	if err != nil {
		return errors.Join(fmt.Errorf("serving diagnostics: %w", err), closeServer(health))
	}
	return errors.Join(addServer(mgr, "health", health), addServer(mgr, "diagnostics", diagnostics))
}

func closeServer(server *httpserver.Server) error {
	if server == nil {
		return nil
	}
	return server.Close()
}

// addServer adds a manager.Server, because the manager starts every other kind of runnable only after its caches have
// synced.
func addServer(mgr ctrl.Manager, name string, server *httpserver.Server) error {
	if server == nil {
		return nil
	}
	parts := &manager.Server{Name: name}
	parts.Server, parts.Listener = server.Parts()
	return mgr.Add(parts)
}

func listenHealth(ctx context.Context, address string) (*httpserver.Server, error) {
	if address == "" || address == Disabled {
		return nil, nil
	}
	mux := http.NewServeMux()
	for _, path := range []string{"/healthz", "/readyz"} {
		handler := http.StripPrefix(path, &healthz.Handler{Checks: map[string]healthz.Checker{"ping": healthz.Ping}})
		mux.Handle(path, handler)
		mux.Handle(path+"/", handler) // A single check, as /healthz/ping.
	}
	return httpserver.Listen(ctx, address, mux)
}

func listenDiagnostics(ctx context.Context, mgr ctrl.Manager, options metricsserver.Options) (*httpserver.Server, error) {
	switch options.BindAddress {
	case Disabled:
		return nil, nil
	case "":
		options.BindAddress = metricsserver.DefaultBindAddress
	}
	handler, err := diagnosticsHandler(mgr, options)
	if err != nil {
		return nil, err
	}
	server, err := listen(ctx, mgr, options, handler)
	if err != nil {
		return nil, err
	}
	// A profile takes minutes if the client says so, and the manager is to end before.
	parts, _ := server.Parts()
	parts.BaseContext = func(net.Listener) context.Context { return ctx }
	return server, nil
}

func listen(ctx context.Context, mgr ctrl.Manager, options metricsserver.Options, handler http.Handler) (*httpserver.Server, error) {
	if !options.SecureServing {
		return httpserver.Listen(ctx, options.BindAddress, handler)
	}
	config, err := tlsConfig(ctx, mgr.GetLogger(), options)
	if err != nil {
		return nil, err
	}
	return httpserver.ListenTLS(ctx, options.BindAddress, handler, config)
}

// diagnosticsHandler serves the metrics and the extra handlers, each behind the filter.
func diagnosticsHandler(mgr ctrl.Manager, options metricsserver.Options) (http.Handler, error) {
	handlers := map[string]http.Handler{
		"/metrics": promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}),
	}
	maps.Copy(handlers, options.ExtraHandlers)
	var filter metricsserver.Filter
	if options.FilterProvider != nil {
		var err error
		if filter, err = options.FilterProvider(mgr.GetConfig(), mgr.GetHTTPClient()); err != nil {
			return nil, fmt.Errorf("setting up authentication and authorization: %w", err)
		}
	}
	mux := http.NewServeMux()
	for path, handler := range handlers {
		if filter != nil {
			var err error
			if handler, err = filter(mgr.GetLogger().WithValues("path", path), handler); err != nil {
				return nil, fmt.Errorf("filtering requests for %s: %w", path, err)
			}
		}
		mux.Handle(path, handler)
	}
	return mux, nil
}
