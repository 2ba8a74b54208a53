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

package endpoints_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/cluster-api/util/flags"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc/controllers/endpoints"
)

const (
	maxHeader      = 4 << 10
	maxConnections = 64
	maxPerSource   = 8
)

// apiServer authenticates the token "good" and authorizes everything but writing.
func apiServer(t *testing.T) *rest.Config {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/tokenreviews", func(w http.ResponseWriter, r *http.Request) {
		var review authenticationv1.TokenReview
		answer(w, r, &review, func() {
			review.Status.Authenticated = review.Spec.Token == "good"
			review.Status.User.Username = "prometheus"
		})
	})
	mux.HandleFunc("POST /apis/authorization.k8s.io/v1/subjectaccessreviews", func(w http.ResponseWriter, r *http.Request) {
		var review authorizationv1.SubjectAccessReview
		answer(w, r, &review, func() { review.Status.Allowed = review.Spec.NonResourceAttributes.Verb == "get" })
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

func answer(w http.ResponseWriter, r *http.Request, review any, fill func()) {
	if err := json.NewDecoder(r.Body).Decode(review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fill()
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// freeAddress returns an address of the loopback network that nothing is bound to.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	defer listener.Close()
	return listener.Addr().String()
}

// start runs a manager with both endpoints until the test ends.
func start(t *testing.T, managerFlags flags.ManagerOptions, change func(*metricsserver.Options)) (health, diagnostics string) {
	t.Helper()
	g := NewWithT(t)
	health, diagnostics = freeAddress(t), freeAddress(t)
	managerFlags.DiagnosticsAddress = diagnostics
	managerFlags.TLSMinVersion = cmp.Or(managerFlags.TLSMinVersion, "VersionTLS12")
	_, options, err := flags.GetManagerOptions(managerFlags)
	g.Expect(err).NotTo(HaveOccurred())
	if change != nil {
		change(options)
	}
	mgr, err := ctrl.NewManager(apiServer(t), ctrl.Options{
		HealthProbeBindAddress: endpoints.Disabled, Metrics: metricsserver.Options{BindAddress: endpoints.Disabled},
	})
	g.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(t.Context())
	g.Expect(endpoints.Add(ctx, mgr, endpoints.Options{HealthAddress: health, Diagnostics: *options})).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		g.Eventually(ended, 20*time.Second).Should(Receive(BeNil()), "the manager ends")
	})
	g.Eventually(func() (int, error) { return status(http.MethodGet, "http://"+health+"/healthz", "") }, 10*time.Second).
		Should(Equal(http.StatusOK), "the manager has started")
	return health, diagnostics
}

// status sends a request over a connection of its own, with the token if it is not empty.
func status(method, url, token string) (int, error) {
	response, err := send(method, url, token)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func send(method, url, token string) (*http.Response, error) {
	request, err := http.NewRequest(method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	return client.Do(request)
}

// dial connects from an address of the loopback network, with TLS if it is secure.
func dial(t *testing.T, address, source string, secure bool) net.Conn {
	t.Helper()
	g := NewWithT(t)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = conn.Close() })
	g.Expect(conn.SetDeadline(time.Now().Add(20 * time.Second))).To(Succeed())
	if !secure {
		return conn
	}
	encrypted := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	g.Expect(encrypted.HandshakeContext(t.Context())).To(Succeed())
	return encrypted
}

func TestTheEndpointsServeWhatControllerRuntimeServes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	health, diagnostics := start(t, flags.ManagerOptions{}, nil)
	for _, test := range []struct {
		method, url, token string
		want               int
	}{
		{http.MethodGet, "http://" + health + "/healthz", "", http.StatusOK},
		{http.MethodGet, "http://" + health + "/healthz/ping", "", http.StatusOK},
		{http.MethodGet, "http://" + health + "/readyz", "", http.StatusOK},
		{http.MethodGet, "http://" + health + "/readyz/none", "", http.StatusNotFound},
		{http.MethodGet, "http://" + health + "/metrics", "", http.StatusNotFound},
		{http.MethodGet, "https://" + diagnostics + "/metrics", "good", http.StatusOK},
		{http.MethodGet, "https://" + diagnostics + "/metrics", "", http.StatusUnauthorized},
		{http.MethodGet, "https://" + diagnostics + "/metrics", "bad", http.StatusInternalServerError},
		{http.MethodGet, "https://" + diagnostics + "/debug/pprof/", "good", http.StatusOK},
		{http.MethodGet, "https://" + diagnostics + "/debug/pprof/heap", "", http.StatusUnauthorized},
		{http.MethodPut, "https://" + diagnostics + "/debug/flags/v", "good", http.StatusForbidden},
		{http.MethodGet, "http://" + diagnostics + "/metrics", "good", http.StatusBadRequest},
	} {
		got, err := status(test.method, test.url, test.token)
		g.Expect(err).NotTo(HaveOccurred(), test.url)
		g.Expect(got).To(Equal(test.want), "%s %s with the token %q", test.method, test.url, test.token)
	}
}

func TestInsecureDiagnosticsAreMetricsOnly(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, diagnostics := start(t, flags.ManagerOptions{InsecureDiagnostics: true}, nil)
	g.Expect(status(http.MethodGet, "http://"+diagnostics+"/metrics", "")).To(Equal(http.StatusOK))
	g.Expect(status(http.MethodGet, "http://"+diagnostics+"/debug/pprof/", "")).To(Equal(http.StatusNotFound))
}

func TestTheCertificateOfTheDirectoryIsServed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	dir := t.TempDir()
	certificate, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("manager.test", nil, nil, "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.WriteFile(filepath.Join(dir, "tls.crt"), certificate, 0o600)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(dir, "tls.key"), key, 0o600)).To(Succeed())
	_, diagnostics := start(t, flags.ManagerOptions{}, func(options *metricsserver.Options) { options.CertDir = dir })
	conn := dial(t, diagnostics, "127.0.0.1", true).(*tls.Conn)
	g.Expect(conn.ConnectionState().PeerCertificates[0].DNSNames).To(ContainElement("manager.test"))
}

func TestTheLowestTLSVersionIsThatOfTheFlag(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for lowest, refused := range map[string]uint16{"VersionTLS12": tls.VersionTLS11, "VersionTLS13": tls.VersionTLS12} {
		_, diagnostics := start(t, flags.ManagerOptions{TLSMinVersion: lowest}, nil)
		dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: refused}}
		_, err := dialer.DialContext(t.Context(), "tcp", diagnostics)
		g.Expect(err).To(MatchError(ContainSubstring("protocol version")), lowest)
		dialer.Config.MaxVersion = 0
		conn, err := dialer.DialContext(t.Context(), "tcp", diagnostics)
		g.Expect(err).NotTo(HaveOccurred(), lowest)
		g.Expect(conn.Close()).To(Succeed())
	}
}

func TestALargeHeaderIsRefused(t *testing.T) {
	t.Parallel()
	health, diagnostics := start(t, flags.ManagerOptions{}, nil)
	for name, endpoint := range map[string]struct {
		address, path string
		secure        bool
	}{"health": {health, "/healthz", false}, "diagnostics": {diagnostics, "/metrics", true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			for size, want := range map[int]int{
				maxHeader - 100: http.StatusOK,
				maxHeader + 100: http.StatusRequestHeaderFieldsTooLarge,
			} {
				conn := dial(t, endpoint.address, "127.0.0.1", endpoint.secure)
				header := "GET " + endpoint.path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nConnection: close\r\nA: "
				_, err := fmt.Fprint(conn, header, strings.Repeat("a", size-len(header)-4), "\r\n\r\n")
				g.Expect(err).NotTo(HaveOccurred())
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(response.StatusCode).To(Equal(want), "%d octets", size)
				g.Expect(response.Body.Close()).To(Succeed())
			}
			conn := dial(t, endpoint.address, "127.0.0.1", endpoint.secure)
			_, _ = fmt.Fprint(conn, "GET "+endpoint.path+" HTTP/1.1\r\nHost: x\r\nA: ", strings.Repeat("a", 900<<10))
			_, err := io.Copy(io.Discard, conn)
			g.Expect(err).To(Or(BeNil(), MatchError(Or(ContainSubstring("reset"), ContainSubstring("broken pipe")))),
				"the server ends an unfinished header of 900 kB")
		})
	}
}

func TestTheEndpointsAnswerWhileOthersHoldEveryConnection(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	health, diagnostics := start(t, flags.ManagerOptions{}, nil)
	held := map[string][]net.Conn{}
	for _, address := range []string{health, diagnostics} {
		for i := range maxConnections + 1 {
			conn := dial(t, address, fmt.Sprintf("127.0.1.%d", i/maxPerSource+1), address == diagnostics)
			_, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: x\r\nA: ")
			g.Expect(err).NotTo(HaveOccurred())
			held[address] = append(held[address], conn)
		}
		_, err := io.Copy(io.Discard, held[address][0])
		g.Expect(err).To(Or(BeNil(), MatchError(ContainSubstring("reset"))), "the oldest connection gives way to the 65th")
	}
	g.Expect(status(http.MethodGet, "http://"+health+"/healthz", "")).To(Equal(http.StatusOK))
	g.Expect(status(http.MethodGet, "https://"+diagnostics+"/metrics", "good")).To(Equal(http.StatusOK))
}

func TestASourceHoldsNoMoreThanItsShare(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, diagnostics := start(t, flags.ManagerOptions{}, nil)
	var held []net.Conn
	for range maxPerSource + 1 {
		held = append(held, dial(t, diagnostics, "127.0.2.1", true))
	}
	// The server accepted the last one, so it has ended the first one already. Its timeout would end that seconds later.
	g.Expect(held[0].SetReadDeadline(time.Now().Add(time.Second))).To(Succeed())
	_, err := io.Copy(io.Discard, held[0])
	g.Expect(err).To(Or(BeNil(), MatchError(ContainSubstring("reset"))))
}

// A profile takes longer than the timeouts of a header and of a response.
func TestAProfileTakesTheTimeThatTheClientAsksFor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	_, diagnostics := start(t, flags.ManagerOptions{}, nil)
	begun := time.Now()
	response, err := send(http.MethodGet, "https://"+diagnostics+"/debug/pprof/trace?seconds=11", "good")
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	g.Expect(response.StatusCode).To(Equal(http.StatusOK))
	size, err := io.Copy(io.Discard, response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(size).NotTo(BeZero())
	g.Expect(time.Since(begun)).To(BeNumerically(">=", 11*time.Second))
}

func TestDisabledEndpointsAreNotServed(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	mgr, err := ctrl.NewManager(apiServer(t), ctrl.Options{
		HealthProbeBindAddress: endpoints.Disabled, Metrics: metricsserver.Options{BindAddress: endpoints.Disabled},
	})
	g.Expect(err).NotTo(HaveOccurred())
	for _, health := range []string{"", endpoints.Disabled} {
		g.Expect(endpoints.Add(t.Context(), mgr, endpoints.Options{
			HealthAddress: health, Diagnostics: metricsserver.Options{BindAddress: endpoints.Disabled},
		})).To(Succeed())
	}
}

func TestAnAddressInUseIsAnErrorAndFreesTheOther(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	used, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	defer used.Close()
	mgr, err := ctrl.NewManager(apiServer(t), ctrl.Options{
		HealthProbeBindAddress: endpoints.Disabled, Metrics: metricsserver.Options{BindAddress: endpoints.Disabled},
	})
	g.Expect(err).NotTo(HaveOccurred())
	health := freeAddress(t)
	g.Expect(endpoints.Add(t.Context(), mgr, endpoints.Options{
		HealthAddress: health, Diagnostics: metricsserver.Options{BindAddress: used.Addr().String()},
	})).To(MatchError(ContainSubstring("serving diagnostics")))
	again, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", health)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(again.Close()).To(Succeed())
}
