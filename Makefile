# Python 3.11+ and make are all that this needs; the rest is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
AUDIT := .venv-audit/bin
PYTEST := $(BIN)/pytest --numprocesses=2 --dist=loadgroup --no-loadscope-reorder
HDP_FUZZ_SEED ?= $(shell date +%s)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE  # bytecode that is kept starts everything three times as fast

.DEFAULT_GOAL := help
.PHONY: help run check test test-all parity fuzz chaos screenshots bench bench-scale bench-tiny audit image install lint lock clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.local ## Install, then open everything: laptop cloud, a first sample run, the portal
	@$(BIN)/hdp up

check: .venv/.dev ## Lint, types and unit tests, in two to five minutes: for each change
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint unit

test: .venv/.dev ## Install, then lint, types and tests, in minutes: for each pull request
	@scripts/install-test-packages
	@$(MAKE) --no-print-directory lint
	@$(PYTEST) -m "not slow and not parity and not bench"

test-all: .venv/.dev ## All tests but the large parity samples, within an hour
	@scripts/install-test-packages
	@$(MAKE) --no-print-directory lint
	@rm -rf build/test-lakes
	@$(PYTEST) -m "not parity and not bench"

parity: .venv/.dev ## Compare Sail with Spark on everything there is, value by value
	@$(BIN)/pytest tests/parity

fuzz: .venv/.dev ## Try each property with other examples at each call, many more than `make test`
	@echo "HDP_FUZZ_SEED=$(HDP_FUZZ_SEED) makes the same hospitals again"
	@HDP_FUZZ=20000 HDP_FUZZ_SEED=$(HDP_FUZZ_SEED) $(PYTEST) -m "hypothesis or fuzz" --hypothesis-profile=fuzz

chaos: .venv/.dev ## Kill each writing operation before every write; lose and double every response
	@HDP_CHAOS=1 $(PYTEST) tests/portal/lake/test_chaos.py

screenshots: .venv/.dev ## Take a picture of every page and state, and the README's
	@scripts/install-test-packages
	@HDP_SCREENSHOTS=1 $(PYTEST) tests/e2e
	@cp screenshots/run-1440.png docs/run.png

bench: .venv/.dev ## Measure against peers into bench.json and the README; ONLY=name for one
	@$(BIN)/python -m tests.benchmarks $(ONLY)

bench-scale: .venv/.dev ## Measure at large sizes: a million encounters, for an hour or so
	@$(BIN)/python -m tests.benchmarks --scale $(ONLY)

bench-tiny: .venv/.dev ## Try each benchmark of `make bench-scale` at a tiny size, so that none breaks unseen
	@$(PYTEST) -m bench tests/benchmarks

audit: .venv-audit/.done ## The linters that security teams use: Terraform, Dockerfile, workflows
	@$(AUDIT)/checkov --directory . --skip-path '\.venv' --framework terraform dockerfile github_actions --quiet --compact
	@$(AUDIT)/hadolint Dockerfile
	@$(AUDIT)/zizmor --offline --quiet .github/workflows
	@$(AUDIT)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml

image: ## Follow the Dockerfile in a clean Debian folder, start what comes of it, ask for its health
	@scripts/install-test-packages
	@$(PYTHON) scripts/image-root

install: .venv/.local ## Install into .venv; the command line is .venv/bin/hdp

lint: .venv/.dev ## Style, types, which package may import which, what differs between Sail and Spark
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.parity.engine_lint
	@$(BIN)/mypy

.PHONY: unit
unit:
	@$(PYTEST) -m unit

lock: .venv/.dev ## Pin every dependency anew, with hashes
	@scripts/lock

clean: ## Remove what was installed, built and generated (never .hdp, the laptop's lake)
	@rm -rf .venv .venv-audit build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis screenshots
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) scripts/check-python
	@echo "Making .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv .venv

.venv/.local: requirements/local.txt requirements/uv.txt pyproject.toml | .venv/bin/python
	@echo "Installing the portal and the laptop cloud (a minute the first time)"
	@scripts/install local
	@touch $@

.venv/.dev: requirements/dev.txt requirements/uv.txt pyproject.toml | .venv/bin/python
	@echo "Installing everything, the tests' tools among it (some minutes the first time)"
	@scripts/install dev
	@touch $@ .venv/.local

.venv-audit/.done: requirements/audit.txt
	@$(PYTHON) -m venv .venv-audit
	@$(AUDIT)/pip install --quiet --require-hashes --requirement requirements/audit.txt
	@touch $@
