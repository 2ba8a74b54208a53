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
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"github.com/go-logr/logr"
	certutil "k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// tlsConfig returns the TLS configuration of controller-runtime's metrics server: the certificate of the options, or
// the files in its directory of certificates, which are watched, or a self-signed one.
func tlsConfig(ctx context.Context, log logr.Logger, options metricsserver.Options) (*tls.Config, error) {
	config := &tls.Config{}
	for _, set := range options.TLSOpts {
		set(config)
	}
	if config.GetCertificate != nil {
		return config, nil
	}
	dir := cmp.Or(options.CertDir, filepath.Join(os.TempDir(), "k8s-metrics-server", "serving-certs"))
	certificate := filepath.Join(dir, cmp.Or(options.CertName, "tls.crt"))
	key := filepath.Join(dir, cmp.Or(options.KeyName, "tls.key"))
	if !exists(certificate) || !exists(key) {
		return config, selfSign(config)
	}
	watcher, err := certwatcher.New(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate: %w", err)
	}
	config.GetCertificate = watcher.GetCertificate
	go func() {
		if err := watcher.Start(ctx); err != nil {
			log.Error(err, "Failed to watch the certificate of diagnostics", "path", certificate)
		}
	}()
	return config, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// selfSign adds a certificate that encrypts and proves nothing, as kube-controller-manager has by default.
func selfSign(config *tls.Config) error {
	certificate, key, err := certutil.GenerateSelfSignedCertKeyWithFixtures("localhost", []net.IP{net.IPv4(127, 0, 0, 1)}, nil, "")
	if err != nil {
		return fmt.Errorf("signing a certificate: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("reading the self-signed certificate: %w", err)
	}
	config.Certificates = []tls.Certificate{pair}
	return nil
}
