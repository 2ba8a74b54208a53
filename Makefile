# Copyright The cross-cluster-connectivity Authors.
# SPDX-License-Identifier: Apache-2.0

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The version that binaries, images and components carry: "dev", or a tag such as v0.1.0.
VERSION ?= dev
# The architecture that "build" and "images" are for, as Go spells it.
ARCH ?= $(shell go env GOARCH)
# The architectures that are released under one tag.
RELEASE_ARCHS ?= amd64 arm64
# Further arguments of "go test", for example TEST_ARGS='-run TestName -v'.
TEST_ARGS ?=

MODULE := github.com/cross-cluster-connectivity/cluster-api-addon-provider-xcc
BINARIES := manager dns-server dns-config-patcher
LDFLAGS := -s -w -X $(MODULE)/internal/version.Version=$(VERSION)
BOILERPLATE := tools/boilerplate.go.txt

CONTROLLER_GEN := go tool -modfile=tools/generate/go.mod controller-gen
KUSTOMIZE := go tool -modfile=tools/generate/go.mod kustomize
GOLANGCI_LINT := out/tools/golangci-lint
GOVULNCHECK := out/tools/govulncheck
RELEASE := go run ./tools/release/xcc-release
# The sources of the licences in the images: the modules and the Go installation of the build.
LICENCES = --licence LICENSE --module-cache "$$(go env GOMODCACHE)" --go-root "$$(go env GOROOT)"

##@ General

.PHONY: help
help: ## Show this help
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nVariables: VERSION=%s ARCH=%s TEST_ARGS=%s\n' '$(VERSION)' '$(ARCH)' '$(TEST_ARGS)'

.PHONY: clean
clean: ## Remove bin/ and out/
	rm -rf bin out

##@ Build

.PHONY: generate
generate: ## Regenerate the deep copies, the CRD, its reference page and the manager's role
	$(CONTROLLER_GEN) object:headerFile=$(BOILERPLATE) paths=./api/...
	$(CONTROLLER_GEN) crd paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(CONTROLLER_GEN) rbac:roleName=system-manager-role paths=./controllers/... output:rbac:artifacts:config=config/rbac
	go run ./internal/apidoc/xcc-apidoc -crd config/crd/bases/connectivity.tanzu.vmware.com_gatewaydns.yaml -output docs/api.md

# compile builds the binaries for the architecture $(1) into the folder $(2): static, and the same wherever they are built,
# which is why they name no folder and no commit.
define compile
for binary in $(BINARIES); do \
	echo "Building $(2)/$$binary for linux/$(1)"; \
	CGO_ENABLED=0 GOOS=linux GOARCH=$(1) go build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o "$(2)/$$binary" "./cmd/$$binary"; \
done
endef

.PHONY: build
build: ## Build bin/manager, bin/dns-server and bin/dns-config-patcher for ARCH
	@$(call compile,$(ARCH),bin)

.PHONY: images
images: ## Write loadable image tarballs for ARCH to out/images/
	@$(call compile,$(ARCH),out/binaries/$(ARCH))
	$(RELEASE) images --version $(VERSION) --binaries out/binaries $(LICENCES) --arch $(ARCH) --output out/images

.PHONY: components
components: ## Write the components, for clusterctl and for one namespace, to out/addon-xcc/VERSION/
	$(KUSTOMIZE) build config/default | $(RELEASE) components --version $(VERSION) --metadata metadata.yaml --output out/addon-xcc
	$(KUSTOMIZE) build config/namespaced | $(RELEASE) namespaced --version $(VERSION) --output out/addon-xcc

.PHONY: layouts
layouts: ## Write images of every released architecture as OCI layouts to out/oci/
	@$(foreach arch,$(RELEASE_ARCHS),$(call compile,$(arch),out/binaries/$(arch)); )
	$(RELEASE) layouts --version $(VERSION) --binaries out/binaries $(LICENCES) $(foreach arch,$(RELEASE_ARCHS),--arch $(arch)) --output out/oci

.PHONY: release
release: components layouts ## Write the files of a release: components, layouts, inventory and checksums of VERSION=vX.Y.Z
	$(RELEASE) seal --version $(VERSION) --binaries out/binaries --layouts out/oci $(foreach arch,$(RELEASE_ARCHS),--arch $(arch)) --output out/addon-xcc

##@ Test

.PHONY: test
test: test-binaries ## Run the unit tests and the tests against real API servers; needs no root
	go test -race -timeout 20m $(TEST_ARGS) ./...

.PHONY: test-binaries
test-binaries: ## Build the programs that the tests need (Kubernetes, etcd, ...) from source; cached outside the checkout
	go run ./test/cmd/rig components etcd kube-apiserver kube-controller-manager kubectl tether

.PHONY: e2e
e2e: linux-root ## Test the rig, and the user's path on three real clusters; needs Linux and root
	go test -tags e2e -timeout 60m -count 1 -p 1 -v $(TEST_ARGS) ./test/rig/... ./test/e2e/...

# The user's path, of all end-to-end tests: what versions of Cluster API, Kubernetes and CoreDNS can break.
COMPAT_PATH := ^(TestTheLabelInstallsThroughAClusterResourceSet|TestEveryResolverResolvesTheNameAndFetchesThePage|TestAChangedLoadBalancerAddressIsFollowed|TestADeletedGatewayServiceHasNoNamesUntilItIsBack|TestAnOverwrittenCorefileIsRepaired|TestASharedNameLeadsToAClusterThatWorks)$$
# The packages with tests against real API servers. Those of Corefiles hold plugins that old versions of CoreDNS do not know.
COMPAT_PACKAGES := ./controllers/... ./patcher/... ./dnsserver ./templates

.PHONY: compat
compat: linux-root compat-newest compat-oldest ## Run the user's path with the oldest and the newest supported versions, and the tests against API servers with the oldest; needs Linux and root

.PHONY: compat-%
compat-%: linux-root
	XCC_VERSIONS=$* go run ./test/cmd/rig components
	XCC_VERSIONS=$* go test -tags e2e -timeout 60m -count 1 -p 1 -v -run '$(COMPAT_PATH)' ./test/e2e/...
	$(if $(filter oldest,$*),XCC_VERSIONS=$* go test -race -timeout 60m -count 1 $(TEST_ARGS) $(COMPAT_PACKAGES))

# How long and with which seed the soak runs.
MINUTES ?= 5
SEED ?= 1

.PHONY: soak
soak: build test-binaries ## Run the manager beside a hostile cluster and a hostile tenant for MINUTES, as SEED decides; needs no root
	go test -tags soak -timeout 0 -count 1 -v $(TEST_ARGS) ./test/soak -args -minutes $(MINUTES) -seed $(SEED)

# How many seeds of the full size are simulated. 1,000 take about ten minutes.
SEEDS ?= 1000

.PHONY: simulate
simulate: ## Simulate the dns-servers' health checks with SEEDS, and print the tables of ADR 15
	go test -timeout 0 -count 1 -v -run '^(TestSimulation|TestTable.*)$$' $(TEST_ARGS) ./dnsserver/reach -args -large -seeds $(SEEDS)

.PHONY: demo
demo: linux-root ## Start three clusters and run the walkthrough; needs Linux and root
	go run ./test/cmd/demo up

.PHONY: demo-down
demo-down: linux-root ## Remove the clusters of "make demo"; needs Linux and root
	go run ./test/cmd/demo down

# Further arguments of a bench, for example BENCH_ARGS='-only udp-1000 -rounds 5'.
BENCH_ARGS ?=

.PHONY: bench-dns
bench-dns: build ## Measure the DNS server beside CoreDNS, Knot and NSD; needs Linux, two processors and dnsperf, knot, nsd
	go run ./test/bench-dns $(BENCH_ARGS)

# Namespaces x workload clusters in each. LABELLED=1 labels them, which installs the add-on.
SHAPE ?= 10x10

.PHONY: bench-scale
bench-scale: build ## Measure the manager with many simulated workload clusters, for example SHAPE=10x100
	go run ./test/bench-scale -shape $(SHAPE) $(if $(LABELLED),-labelled) $(BENCH_ARGS)

.PHONY: bench-failover
bench-failover: linux-root build ## Measure how fast shared names leave gateways that fail; needs Linux, root, ip and nft
	go run ./test/bench-failover $(BENCH_ARGS)

.PHONY: linux-root
linux-root:
	@if [ "$$(uname -s)" != Linux ] || [ "$$(id -u)" != 0 ]; then \
		echo "make $(MAKECMDGOALS) needs Linux and root: it makes network namespaces and runs containerd and kubelet." >&2; \
		exit 1; \
	fi

##@ Check

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters
	$(GOLANGCI_LINT) run ./...

.PHONY: lint-fix
lint-fix: $(GOLANGCI_LINT) ## Run the linters and formatters, and apply their automatic fixes
	$(GOLANGCI_LINT) run --fix ./...

$(GOLANGCI_LINT): $(wildcard tools/lint/*)
	cd tools/lint && go build -o $(CURDIR)/$@ .

# Every module of the repository, by the folder of its go.mod, except those of old versions: their pins do not change, and tidying
# them downloads many modules.
MODULES = $(shell git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod' ':!test/components/oldest' | xargs -n1 dirname)

.PHONY: tidy
tidy: ## Tidy the go.mod of every module
	@for module in $(MODULES); do echo "Tidying $$module"; (cd "$$module" && go mod tidy); done

.PHONY: headers
headers: ## Check that every hand-written Go file starts with the licence header
	@size=$$(wc -c < $(BOILERPLATE)); bad=0; \
	while read -r file; do \
		if ! cmp -s -n "$$size" $(BOILERPLATE) <(sed '1{/^\/\/go:build/{N;d}}' "$$file"); then echo "$$file does not start with $(BOILERPLATE)" >&2; bad=1; fi; \
	done < <(git ls-files --cached --others --exclude-standard -- '*.go' ':!:*zz_generated*'); \
	exit $$bad

.PHONY: verify
verify: generate tidy headers ## Regenerate everything and fail if the result differs from the commit
	git diff --exit-code
	@untracked=$$(git status --porcelain --untracked-files=all); \
	if [ -n "$$untracked" ]; then printf 'These files are not committed:\n%s\n' "$$untracked" >&2; exit 1; fi

# The database of known vulnerabilities: https:// or, for a copy, file://.
VULNERABILITY_DB ?= https://vuln.go.dev

# govulncheck exits with 3 for a finding. Any other code but 0 means that it could not check, usually because it did not reach the
# database. It treats a folder without a database as one without vulnerabilities, so the index of a copy must exist.
.PHONY: verify-vulnerabilities
verify-vulnerabilities: $(GOVULNCHECK) ## Look for known vulnerabilities in the code that the binaries call; fails if it cannot reach the database
	@code=0; database='$(VULNERABILITY_DB)'; \
	case $$database in file://*) [ -s "$${database#file://}/index/modules.json" ] || { echo "$$database holds no index/modules.json." >&2; code=1; } ;; esac; \
	[ $$code != 0 ] || CGO_ENABLED=0 GOOS=linux $(GOVULNCHECK) -db "$$database" $(addprefix ./cmd/,$(BINARIES)) || code=$$?; \
	case $$code in \
	0) echo "No known vulnerability is called." ;; \
	3) echo "FOUND: the binaries call code with known vulnerabilities, see above." >&2; exit 1 ;; \
	*) echo "NOT CHECKED: govulncheck failed, see above, so this says nothing about vulnerabilities. It needs $(VULNERABILITY_DB); set VULNERABILITY_DB to name a copy." >&2; exit 2 ;; \
	esac

$(GOVULNCHECK): $(wildcard tools/vulnerabilities/*)
	go build -modfile=tools/vulnerabilities/go.mod -o $@ golang.org/x/vuln/cmd/govulncheck

# The two builds differ in everything that must not matter: the folder, the umask, the time and its zone and, with COLD=1, the build
# cache. Without COLD=1 the second build reuses compiled packages of the first, so only linking and packing are compared.
.PHONY: verify-reproducible
verify-reproducible: ## Build the release VERSION=vX.Y.Z of the last commit twice and compare all files; COLD=1 compiles twice
	@folder=$$(mktemp -d); commit=$$(git rev-parse HEAD); \
	for build in first second/in/another/folder; do \
		mkdir -p "$$folder/$$build"; \
		git archive "$$commit" | tar -x -C "$$folder/$$build"; \
		case $$build in second*) umask 027; export TZ=UTC-14; $(if $(COLD),export GOCACHE="$$folder/cache";) esac; \
		$(MAKE) -C "$$folder/$$build" images release VERSION=$(VERSION); \
		(cd "$$folder/$$build/out"; find . -type f -exec sha256sum {} + | LC_ALL=C sort -k 2) > "$$folder/$${build%%/*}.sums"; \
	done; \
	[ -s "$$folder/first.sums" ] || { echo "The build wrote nothing." >&2; exit 1; }; \
	if ! cmp -s "$$folder/first.sums" "$$folder/second.sums"; then \
		echo "These files differ between the builds below $$folder:" >&2; \
		diff "$$folder/first.sums" "$$folder/second.sums" | sed -n 's|^[<>] [0-9a-f]*  ./|out/|p' | sort -u >&2; \
		exit 1; \
	fi; \
	echo "Two builds of $$commit wrote the same $$(wc -l < "$$folder/first.sums") files."; \
	rm -rf "$$folder"
