# Two commands: `make quickstart` delivers the example through three environments, `make test` proves everything.
# Both set up what they need; see deployments/install for what that is.

UV_VERSION := 0.13.9
UV := .tools/bin/uv
# The machine's own certificates where it has them, so that uv trusts what every other program there trusts.
SYNC := $(UV) sync --quiet --frozen $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),--system-certs)
BIN := .venv/bin
# As pip does: where a company's proxy speaks TLS with a certificate of its own, the system knows it and uv's own list does not.
export UV_SYSTEM_CERTS := true
# Each worker has services of its own; two of them share two cores well.
WORKERS ?= 2
# The peers of the tests and the benchmarks, in a place of their own: none belongs to the pipeline.
COSIGN := .tools/peers/bin/cosign
COSIGN_VERSION := v3.1.3
OSV_SCANNER := .tools/peers/bin/osv-scanner
GITEA := .tools/peers/gitea/gitea
COMPOSE := .tools/peers/bin/docker-compose

.PHONY: help quickstart test lint types unit interop forges compose up down status bench-delivery bench-webhook bench-scale bench-ledger bench-promotion bench-chain pictures clean

help: ## Say what there is
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: system environment ## Start the local stack and deliver examples/hello to dev, staging and prod
	$(BIN)/pratique quickstart

test: system-test environment-test lint types $(if $(shell command -v go 2>/dev/null),$(COSIGN) $(OSV_SCANNER)) ## Lint, types, import rules, and every test on real services
	deployments/with-engine $(BIN)/pytest -n $(WORKERS) --dist loadgroup

lint: environment-test ## Style, spelling, import rules
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports

types: environment-test ## Types, strictly
	$(BIN)/mypy

unit: environment-test ## The tests that need no service
	$(BIN)/pytest tests/unit

interop: system-test environment-test $(COSIGN) $(OSV_SCANNER) ## The real cosign and ours, each verifying what the other signed; needs Go
	$(BIN)/pytest tests/interop

forges: system-test environment-test $(GITEA) ## A real Gitea's own events before the webhook, and our statuses and comments in it; needs Go
	$(BIN)/pytest tests/forges

compose: system-test environment-test $(GITEA) $(if $(shell docker compose version 2>/dev/null),,$(COMPOSE)) ## Start deployments/compose.yaml whole, and deliver through it a push to a real Gitea; needs Go
	@deployments/install compose
	@$(SYNC) --all-extras --group pools
	deployments/with-engine $(BIN)/pytest tests/compose

up: system environment ## Start the local stack
	$(BIN)/pratique up

down: ## Stop the local stack
	$(BIN)/pratique down

status: ## Say what of the local stack runs
	$(BIN)/pratique status

bench-delivery: system environment-test $(COSIGN) .tools/peers/bin/aws ## Pratique beside a shell script that does the same work
	PATH="$(CURDIR)/.tools/peers/bin:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/delivery/measure.py

bench-webhook: system-test environment-test ## Events per second and their waiting times, with the receiver killed, with Prefect stopped
	$(BIN)/python -m benchmarks.webhook.measure
	deployments/with-engine $(BIN)/python -m benchmarks.webhook.until_running

bench-scale: system-test environment-test ## Promotions by one, two and four workers, undisturbed and with workers killed
	$(BIN)/python -m benchmarks.scale.measure

bench-promotion: system environment-test ## Copies between repositories of one registry, beside skopeo's
	@deployments/install bench
	$(BIN)/python -m benchmarks.promotion.measure

bench-ledger: system-test environment-test ## What people ask of a ledger with a million promotions, p50 and p95
	$(BIN)/python -m benchmarks.ledger.measure

bench-chain: environment-test ## Verifying the evidence of a five-hop chain with nobody to ask
	$(BIN)/python -m benchmarks.chain.measure

pictures: system environment $(UV) ## Take the pictures of docs/: a real delivery in Prefect's UI, seen by a headless Chromium
	@deployments/install pictures
	@$(SYNC) --extra local --group pictures --inexact
	$(BIN)/python docs/pictures/take.py

clean: ## Stop the local stack and forget its data
	-$(BIN)/pratique down
	rm -rf .pratique

.PHONY: system system-test environment environment-test
system:
	@deployments/install

system-test:
	@deployments/install test

environment: $(UV)
	@$(SYNC) --extra local --no-dev --inexact

environment-test: $(UV)
	@$(SYNC) --all-extras

# uv comes from PyPI, by the Python that is there.
.tools/bin/uv:
	@python3 -m venv .tools 2>/dev/null || { \
	  echo "python3 -m venv failed: on Debian, install python3-venv" >&2; exit 1; }
	@.tools/bin/pip install --quiet uv==$(UV_VERSION)

$(COSIGN):
	GOBIN=$(CURDIR)/.tools/peers/bin go install github.com/sigstore/cosign/v3/cmd/cosign@$(COSIGN_VERSION)

.tools/peers/bin/aws: $(UV)
	UV_TOOL_DIR=$(CURDIR)/.tools/peers/tools UV_TOOL_BIN_DIR=$(CURDIR)/.tools/peers/bin $(UV) tool install --quiet awscli==1.46.3

# $(call module,NAME@VERSION,FOLDER): a copy of a Go module. Where its go.mod replaces or excludes others, `go install` refuses it.
module = rm -rf $(2) && cp -R "$$(go mod download -json $(1) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')" $(2) && chmod -R u+w $(2)

# Debian's packages have none for the present format of compose files.
$(COMPOSE):
	mkdir -p .tools/peers
	$(call module,github.com/docker/compose/v2@v2.40.3,.tools/peers/compose)
	cd .tools/peers/compose && go build -o ../bin/docker-compose ./cmd

# It finds its texts and templates beside itself.
$(GITEA):
	mkdir -p .tools/peers
	$(call module,code.gitea.io/gitea@v1.26.0,.tools/peers/gitea)
	cd .tools/peers/gitea && go build -tags sqlite,sqlite_unlock_notify -o gitea .

# OSV-Scanner 2.6 needs a Go newer than 1.26.
$(OSV_SCANNER):
	GOBIN=$(CURDIR)/.tools/peers/bin go install github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.5.1
