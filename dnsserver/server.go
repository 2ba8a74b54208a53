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

package dnsserver

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/alias"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/metrics"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/source"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/wire"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/httpserver"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

const (
	// stopTimeout is how long queries and requests that are being answered may take at the end.
	stopTimeout = 2 * time.Second
	// maxSockets is for how many processors there is a socket. Each takes 170 kB, and eight serve some million queries per second.
	maxSockets = 8
)

// server is a DNS server whose sockets are bound.
type server struct {
	options Options
	source  *source.Source
	aliases *alias.Resolver
	metrics *metrics.Metrics
	// draining is set once the shutdown began.
	draining atomic.Bool
	// listing is held while the records are listed for a client.
	listing sync.Mutex

	udp             *wire.UDPServer
	tcp             *wire.TCPServer
	health, scrapes *httpserver.Server
}

// newServer binds the sockets. The options are valid.
func newServer(ctx context.Context, options Options, config *rest.Config) (*server, error) {
	client, err := source.NewClient(config)
	if err != nil {
		return nil, err
	}
	s := &server{options: options, metrics: metrics.New()}
	judge := netaddr.NewJudge(options.denied)
	s.aliases = alias.New(alias.Options{
		ResolvConf: options.ResolvConf,
		Port:       options.resolverPort,
		MaxStale:   options.AliasMaxStale,
		Judge:      judge,
		Zones:      options.Zones,
		Pack:       wire.PackAlias,
		Observe:    s.metrics.ObserveLookup,
		LogRefused: refusalLog(ctx),
	})
	s.source = &source.Source{
		Client:     client,
		Namespace:  options.Namespace,
		Zones:      options.Zones,
		NameServer: options.NameServer,
		Judge:      judge,
		Packer:     wire.Packer{TTL: options.TTL},
		Aliases:    s.aliases,
		Metrics:    s.metrics,
	}
	if err := s.listen(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// handler returns what answers queries.
func (s *server) handler(ctx context.Context) *wire.Handler {
	return &wire.Handler{
		Snapshot: s.source.Snapshot,
		TTL:      s.options.TTL,
		Aliases:  s.aliases,
		Log:      queryLog(ctx),
		LogEvery: s.options.QueryLogEvery,
	}
}

// queryLog returns what writes a line of the log for a query.
func queryLog(ctx context.Context) func(wire.LogEntry) {
	log := klog.FromContext(ctx)
	return func(entry wire.LogEntry) {
		log.Info("Answered a query", "client", entry.Client.String(), "transport", entry.Transport.String(), "name", entry.Name,
			"type", dns.Type(entry.Type).String(), "rcode", dns.RcodeToString[entry.Rcode], "size", entry.Size)
	}
}

// refusalLog returns what writes a line of the log for an address that the target of an alias has and that is not served.
func refusalLog(ctx context.Context) func(target string, address netip.Addr, reason string, others int) {
	log := klog.FromContext(ctx)
	return func(target string, address netip.Addr, reason string, others int) {
		log.Info("Not serving an address of a host name", "host", target, "address", address.String(), "reason", "it is "+reason, "others", others)
	}
}

// listen binds IPv4 and IPv6 where the address has no host. There is a socket for UDP for each processor, up to a limit.
func (s *server) listen(ctx context.Context) error {
	var err error
	if s.udp, err = wire.ListenUDP(ctx, s.options.DNSAddress, min(maxSockets, runtime.GOMAXPROCS(0)), s.handler(ctx)); err != nil {
		return fmt.Errorf("binding DNS over UDP: %w", err)
	}
	if s.tcp, err = wire.ListenTCP(ctx, s.options.DNSAddress, s.handler(ctx)); err != nil {
		return fmt.Errorf("binding DNS over TCP: %w", err)
	}
	if s.health, err = httpserver.Listen(ctx, s.options.HealthAddress, s.healthHandler()); err != nil {
		return fmt.Errorf("binding the health endpoints: %w", err)
	}
	if s.scrapes, err = httpserver.Listen(ctx, s.options.MetricsAddress, s.metricsHandler()); err != nil {
		return fmt.Errorf("binding the metrics endpoint: %w", err)
	}
	return nil
}

// close closes the sockets that are bound.
func (s *server) close() {
	if s.udp != nil {
		s.udp.Close()
	}
	if s.tcp != nil {
		s.tcp.Close()
	}
	for _, server := range []*httpserver.Server{s.health, s.scrapes} {
		if server != nil {
			_ = server.Close()
		}
	}
}

// service is something that serves until it is stopped.
type service struct {
	name  string
	serve func() error
	// stop lets what is being answered come to its end until the context is done.
	stop func(context.Context) error
}

// services returns what runs, in the order in which it is to be stopped.
func (s *server) services() []service {
	s.metrics.Count(append(s.udp.Counters(), s.tcp.Counters())...)
	return []service{
		{"DNS over UDP", s.udp.Serve, s.udp.Shutdown},
		{"DNS over TCP", s.tcp.Serve, s.tcp.Shutdown},
		{"health", s.health.Serve, s.health.Shutdown},
		{"metrics", s.scrapes.Serve, s.scrapes.Shutdown},
	}
}

func (s *server) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.Registry(), promhttp.HandlerOpts{}))
	return mux
}

// run serves until the context is done and the lameduck time is over, or until something fails.
func (s *server) run(ctx context.Context) error {
	log := klog.FromContext(ctx)
	// The records are followed to the last answer, so the shutdown does not end this.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	services := s.services()
	group, failed := errgroup.WithContext(background)
	for _, service := range services {
		group.Go(func() error {
			if err := service.serve(); err != nil {
				return fmt.Errorf("serving %s: %w", service.name, err)
			}
			return nil
		})
	}
	group.Go(func() error { s.source.Run(background); return nil })
	log.Info("Serving", "dns", s.udp.Addr(), "health", s.health.Addr(), "metrics", s.scrapes.Addr())

	select {
	case <-failed.Done():
	case <-ctx.Done():
		log.Info("Shutting down", "lameduck", s.options.Lameduck)
		s.draining.Store(true)
		s.waitLameduck(failed)
	}
	cancel()
	s.stop(background, services)
	s.aliases.Close()
	return group.Wait()
}

func (s *server) waitLameduck(failed context.Context) {
	timer := time.NewTimer(s.options.Lameduck)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-failed.Done():
	}
}

func (s *server) stop(ctx context.Context, services []service) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, service := range services {
		if err := service.stop(ctx); err != nil {
			klog.FromContext(ctx).Info("Did not stop in time", "service", service.name, "reason", err.Error())
		}
	}
	// Where a service never started, its socket is still open, and so nothing waits for ever.
	s.close()
}
