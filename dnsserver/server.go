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
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/answer"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/metrics"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/reach"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/report"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/source"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/dnsserver/transport"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/httpserver"
	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/internal/netaddr"
)

const (
	// stopTimeout is the time for the last queries and requests at shutdown.
	stopTimeout = 2 * time.Second
	// maxSockets is the largest number of UDP sockets. Each takes 170 kB, and eight serve several
	// million queries per second.
	maxSockets = 8
)

// server is a DNS server whose sockets are bound.
type server struct {
	options Options
	source  *source.Source
	aliases *alias.Resolver
	monitor *reach.Monitor
	metrics *metrics.Metrics
	// draining is set once the shutdown has begun.
	draining atomic.Bool
	// settled is set once the gateways of the first snapshot have been probed.
	settled atomic.Bool
	// listing is held while a client lists the records.
	listing sync.Mutex

	udp                      *transport.UDPServer
	tcp                      *transport.TCPServer
	health, scrapes, reports *httpserver.Server
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
		Pack:       answer.PackTarget,
		Observe:    s.metrics.ObserveLookup,
		Changed:    func(target string) { s.source.Resolved(target) },
		LogRefused: refusalLog(ctx),
	})
	s.monitor = reach.New(reach.Options{
		Judge:   judge,
		Changed: func(targets []reach.Target) { s.source.Judged(targets) },
		Observe: s.metrics.ObserveProbe,
		Probe:   options.probe,
	})
	s.metrics.CollectVerdicts(s.monitor.Verdicts)
	s.source = &source.Source{
		Client:     client,
		Namespace:  options.Namespace,
		Zones:      options.Zones,
		NameServer: options.NameServer,
		Judge:      judge,
		Packer:     answer.Packer{TTL: options.TTL},
		Aliases:    s.aliases,
		Monitor:    s.monitor,
		HasIPv4:    s.monitor.HasIPv4(),
		Metrics:    s.metrics,
	}
	if err := s.listen(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// handler returns the handler of DNS queries.
func (s *server) handler(ctx context.Context) *answer.Handler {
	return &answer.Handler{
		Snapshot: s.source.Snapshot,
		TTL:      s.options.TTL,
		Aliases:  s.aliases,
		Log:      queryLog(ctx),
		LogEvery: s.options.QueryLogEvery,
	}
}

// queryLog returns a function that logs a query.
func queryLog(ctx context.Context) func(answer.LogEntry) {
	log := klog.FromContext(ctx)
	return func(entry answer.LogEntry) {
		log.Info("Answered a query", "client", entry.Client.String(), "transport", entry.Transport.String(), "name", entry.Name,
			"type", dns.Type(entry.Type).String(), "rcode", dns.RcodeToString[entry.Rcode], "size", entry.Size)
	}
}

// refusalLog returns a function that logs a refused address of an alias target.
func refusalLog(ctx context.Context) func(target string, address netip.Addr, reason string, others int) {
	log := klog.FromContext(ctx)
	return func(target string, address netip.Addr, reason string, others int) {
		log.Info("Not serving an address of a host name", "host", target, "address", address.String(), "reason", "it is "+reason, "others", others)
	}
}

// listen binds IPv4 and IPv6 if an address has no host. There is one UDP socket per CPU, up to
// maxSockets.
func (s *server) listen(ctx context.Context) error {
	var err error
	if s.udp, err = transport.ListenUDP(ctx, s.options.DNSAddress, min(maxSockets, runtime.GOMAXPROCS(0)), s.handler(ctx)); err != nil {
		return fmt.Errorf("binding DNS over UDP: %w", err)
	}
	if s.tcp, err = transport.ListenTCP(ctx, s.options.DNSAddress, s.handler(ctx)); err != nil {
		return fmt.Errorf("binding DNS over TCP: %w", err)
	}
	if s.health, err = httpserver.Listen(ctx, s.options.HealthAddress, s.healthHandler()); err != nil {
		return fmt.Errorf("binding the health endpoints: %w", err)
	}
	if s.scrapes, err = httpserver.Listen(ctx, s.options.MetricsAddress, s.metricsHandler()); err != nil {
		return fmt.Errorf("binding the metrics endpoint: %w", err)
	}
	if s.reports, err = httpserver.Listen(ctx, s.options.ReportAddress, report.Handler(s.monitor.Verdicts)); err != nil {
		return fmt.Errorf("binding the report endpoint: %w", err)
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
	for _, server := range []*httpserver.Server{s.health, s.scrapes, s.reports} {
		if server != nil {
			_ = server.Close()
		}
	}
}

// service serves until it is stopped.
type service struct {
	name  string
	serve func() error
	// stop finishes the current queries or requests. It stops early if the context ends.
	stop func(context.Context) error
}

// services returns the services in the order in which to stop them.
func (s *server) services() []service {
	s.metrics.Count(append(s.udp.Counters(), s.tcp.Counters())...)
	return []service{
		{"DNS over UDP", s.udp.Serve, s.udp.Shutdown},
		{"DNS over TCP", s.tcp.Serve, s.tcp.Shutdown},
		{"health", s.health.Serve, s.health.Shutdown},
		{"metrics", s.scrapes.Serve, s.scrapes.Shutdown},
		{"reports", s.reports.Serve, s.reports.Shutdown},
	}
}

func (s *server) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.Registry(), promhttp.HandlerOpts{}))
	return mux
}

// run serves until the context is done and the lameduck time is over, or until a service fails.
func (s *server) run(ctx context.Context) error {
	log := klog.FromContext(ctx)
	// The source runs until the last answer, so the shutdown does not end it.
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
	group.Go(func() error { s.monitor.Run(background); return nil })
	log.Info("Serving", "dns", s.udp.Addr(), "health", s.health.Addr(), "metrics", s.scrapes.Addr(), "report", s.reports.Addr())

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
	// If a service never started, its socket is still open.
	s.close()
}
