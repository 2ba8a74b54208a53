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

/*
 * A client as C programs are: it resolves with getaddrinfo of the libc that it
 * is linked with, which is what differs between musl and glibc.
 *
 *   client resolve NAME   print the addresses, one in a line, in libc's order
 *   client get URL        print the page; http://HOST[:PORT][/PATH] only
 *   client sleep          do nothing until SIGTERM
 */

#include <arpa/inet.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int lookup(const char *host, const char *port, struct addrinfo **found) {
	struct addrinfo hints;
	memset(&hints, 0, sizeof hints);
	hints.ai_family = AF_UNSPEC;
	hints.ai_socktype = SOCK_STREAM;
	int err = getaddrinfo(host, port, &hints, found);
	if (err != 0) {
		fprintf(stderr, "resolving %s: %s\n", host, gai_strerror(err));
	}
	return err;
}

static int resolve(const char *host) {
	struct addrinfo *found;
	if (lookup(host, NULL, &found) != 0) {
		return 1;
	}
	for (struct addrinfo *a = found; a != NULL; a = a->ai_next) {
		char text[INET6_ADDRSTRLEN];
		const void *address = a->ai_family == AF_INET
			? (const void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr
			: (const void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr;
		puts(inet_ntop(a->ai_family, address, text, sizeof text));
	}
	freeaddrinfo(found);
	return 0;
}

/* connect_to tries the addresses in their order. */
static int connect_to(const char *host, const char *port) {
	struct addrinfo *found;
	if (lookup(host, port, &found) != 0) {
		return -1;
	}
	int fd = -1;
	for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
		struct timeval patience = {10, 0};
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	if (fd < 0) {
		perror("connecting");
	}
	freeaddrinfo(found);
	return fd;
}

static int get(const char *url) {
	char host[256] = "", port[6] = "80", path[1024] = "/";
	if (sscanf(url, "http://%255[^:/]:%5[0-9]%1023s", host, port, path) < 2 &&
	    sscanf(url, "http://%255[^:/]%1023s", host, path) < 1) {
		fprintf(stderr, "not an http URL: %s\n", url);
		return 2;
	}
	int fd = connect_to(host, port);
	if (fd < 0) {
		return 1;
	}
	dprintf(fd, "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
	FILE *response = fdopen(fd, "r");
	char line[4096];
	int status = 0;
	if (fgets(line, sizeof line, response) == NULL || sscanf(line, "HTTP/%*s %d", &status) != 1) {
		fprintf(stderr, "no answer from %s\n", host);
		return 1;
	}
	while (fgets(line, sizeof line, response) != NULL && strcmp(line, "\r\n") != 0) {
	}
	size_t n;
	while ((n = fread(line, 1, sizeof line, response)) > 0) {
		fwrite(line, 1, n, stdout);
	}
	if (status != 200) {
		fprintf(stderr, "status %d from %s\n", status, host);
		return 1;
	}
	return 0;
}

static void end(int signal) {
	(void)signal;
	_exit(0);
}

int main(int argc, char **argv) {
	if (argc == 3 && strcmp(argv[1], "resolve") == 0) {
		return resolve(argv[2]);
	}
	if (argc == 3 && strcmp(argv[1], "get") == 0) {
		return get(argv[2]);
	}
	if (argc == 2 && strcmp(argv[1], "sleep") == 0) {
		signal(SIGTERM, end);
		for (;;) {
			pause();
		}
	}
	fprintf(stderr, "usage: client resolve NAME | get URL | sleep\n");
	return 2;
}
