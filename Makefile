# Two commands: `make quickstart` delivers the example through three environments, `make test` proves everything.
# Both set up what they need; see deployments/install for what that is.

UV_VERSION := 0.13.9
UV := .tools/bin/uv
# The machine's own certificates where it has them, so that uv trusts what every other program there trusts.
SYNC := $(UV) sync --quiet --frozen $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),--system-certs)
BIN := .venv/bin
# As pip does: where a company's proxy speaks TLS with a certificate of its own, the system knows it and uv's own list does not.
export UV_SYSTEM_CERTS := true
# A new environment is compiled whole, by all cores: else the first start of each program would compile what it imports.
NEW = $(if $(wildcard .venv/bin/pratique),,--compile-bytecode)
# Without its byte code Python compiles every module again for each process: a command then starts in three times the time.
unexport PYTHONDONTWRITEBYTECODE
# Each worker has services of its own; two of them share two cores well.
WORKERS ?= 2
PYTEST = $(BIN)/pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
# Where the time goes is written there after a run of everything.
COSTS := .costs.md
# What Go builds for the tests: once for each version, outside this clone. See tests/peers.py.
PEERS = $(if $(shell command -v go 2>/dev/null),$(BIN)/python -m tests.peers)

.PHONY: help quickstart test check test-unit test-contract test-e2e test-faults lint types interop forges compose up down status bench-delivery bench-idle bench-webhook bench-scale bench-ledger bench-promotion bench-chain pictures clean

help: ## Say what there is
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

quickstart: system environment ## Start the local stack and deliver examples/hello to dev, staging and prod
	$(BIN)/pratique quickstart

test: system-test environment-test lint types ## Lint, types, import rules, and every test on real services
	@$(call beside,cosign osv-scanner)
	deployments/with-engine $(PYTEST) --costs $(COSTS)

check: lint types test-unit ## What needs no service: lint, types, unit tests

test-unit: environment-test ## The unit tests
	$(PYTEST) tests/unit

test-contract: system-test environment-test ## Each port, the real service and its fake; the real cosign and OSV-Scanner, where there is Go
	@$(call beside,cosign osv-scanner)
	deployments/with-engine $(PYTEST) tests/contract tests/interop

test-e2e: system-test environment-test ## Deliveries on a whole stack, and attacks on one
	deployments/with-engine $(PYTEST) tests/e2e tests/attacks

test-faults: system-test environment-test ## Deliveries that are killed, cut off and refused
	deployments/with-engine $(PYTEST) tests/faults

lint: environment-test ## Style, spelling, import rules
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/codespell
	$(BIN)/lint-imports --no-logo >/dev/null || $(BIN)/lint-imports

types: environment-test ## Types, strictly
	$(BIN)/mypy

interop: system-test environment-test ## The real cosign and ours, each verifying what the other signed; needs Go
	$(BIN)/pytest tests/interop

forges: system-test environment-test ## A real Gitea's own events before the webhook, and our statuses and comments in it; needs Go
	$(BIN)/pytest tests/forges

compose: system-test environment-test ## Start deployments/compose.yaml whole, and deliver through it a push to a real Gitea; needs Go
	@deployments/install compose
	@$(SYNC) --all-extras --group pools
	deployments/with-engine $(BIN)/pytest tests/compose

up: system environment ## Start the local stack
	$(BIN)/pratique up

down: ## Stop the local stack
	$(BIN)/pratique down

status: ## Say what of the local stack runs
	$(BIN)/pratique status

bench-delivery: system environment-test .tools/peers/bin/aws ## Pratique beside a shell script that does the same work
	@cosign=$$($(PEERS) cosign) && PATH="$$(dirname "$$cosign"):$(CURDIR)/.tools/peers/bin:$(CURDIR)/$(BIN):$$PATH" $(BIN)/python benchmarks/delivery/measure.py

bench-idle: system environment-test ## The local stack with nothing to do, and the start of commands
	$(BIN)/python -m benchmarks.idle.measure

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

# $(call beside,NAMES): have Go build these while the tests run; a test that needs one waits for it, and says what went wrong.
beside = $(if $(PEERS),mkdir -p .tools && ($(PEERS) $(1) >.tools/peers.log 2>&1 &),echo "without Go: the tests with the real cosign and OSV-Scanner take no part")

.PHONY: system system-test environment environment-test
system:
	@deployments/install

system-test:
	@deployments/install test

environment: $(UV)
	@$(SYNC) --extra local --no-dev --inexact $(NEW)

environment-test: $(UV)
	@$(SYNC) --all-extras $(NEW)

# uv comes from PyPI, by the Python that is there.
.tools/bin/uv:
	@python3 -m venv .tools 2>/dev/null || { \
	  echo "python3 -m venv failed: on Debian, install python3-venv" >&2; exit 1; }
	@.tools/bin/pip install --quiet uv==$(UV_VERSION)

.tools/peers/bin/aws: $(UV)
	UV_TOOL_DIR=$(CURDIR)/.tools/peers/tools UV_TOOL_BIN_DIR=$(CURDIR)/.tools/peers/bin $(UV) tool install --quiet awscli==1.46.3
