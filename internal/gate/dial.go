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

package gate

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"
)

// dial connects to a server as http.Transport does, through the given proxy or, without one, that of the environment.
func dial(ctx context.Context, through *url.URL, server string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if through == nil {
		var err error
		if through, err = http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "https", Host: server}}); err != nil {
			return nil, err
		}
	}
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	if through == nil {
		return dialer.DialContext(ctx, "tcp", server)
	}
	if through.Scheme == "socks5" || through.Scheme == "socks5h" {
		var auth *proxy.Auth
		if user := through.User; user != nil {
			auth = &proxy.Auth{User: user.Username()}
			auth.Password, _ = user.Password()
		}
		socks, err := proxy.SOCKS5("tcp", withPort(through, "1080"), auth, dialer)
		if err != nil {
			return nil, err
		}
		if socks, ok := socks.(proxy.ContextDialer); ok {
			return socks.DialContext(ctx, "tcp", server)
		}
		return nil, errors.New("SOCKS without a context")
	}
	return dialHTTP(ctx, dialer, through, server)
}

// dialHTTP connects by the method CONNECT (RFC 9110, section 9.3.6).
func dialHTTP(ctx context.Context, dialer *net.Dialer, through *url.URL, server string) (net.Conn, error) {
	defaultPort := "80"
	if through.Scheme == "https" {
		defaultPort = "443"
	}
	conn, err := dialer.DialContext(ctx, "tcp", withPort(through, defaultPort))
	if err != nil {
		return nil, err
	}
	if through.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: through.Hostname(), MinVersion: tls.VersionTLS12})
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	if err := connect(conn, through, server); err != nil || !stop() {
		_ = conn.Close()
		return nil, fmt.Errorf("connecting through the proxy: %w", err)
	}
	return conn, nil
}

func connect(conn net.Conn, through *url.URL, server string) error {
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: server}, Host: server, Header: http.Header{}}
	if user := through.User; user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	// The server says nothing before the client does, so that nothing is read beyond the header.
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, copyBytes)), request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers with status %d", response.StatusCode)
	}
	return nil
}

func withPort(address *url.URL, port string) string {
	if given := address.Port(); given != "" {
		port = given
	}
	return net.JoinHostPort(address.Hostname(), port)
}
