# `make demo` and `make test` are all that a new user needs; each sets up what it needs first.
SHELL := /bin/bash
# Which Python makes the environment; unset: the first of the declared ones that is here.
PYTHON ?=
VENV := .venv
UV_VERSION := 0.13.9
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SYNC := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --inexact

.PHONY: setup requirements demo up test lint bench docs test-system clean

setup: $(READY)

$(READY): uv.lock pyproject.toml
	@test -x $(BIN)/pip || { \
	  python="$$($(SHELL) deployments/find-python.sh $(PYTHON))" && "$$python" -m venv $(VENV); }
	@$(BIN)/pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@# Where a proxy signs for the registries, its authority is in the system's store only.
	@$(SYNC) --quiet 2>/dev/null || $(SYNC) --quiet --system-certs
	@touch $@

# The lists of other environments than prodops' own; what they pin already stays, if it can.
requirements: setup
	@cd deployments/sandbox/grid/rucio-server && \
	  $(CURDIR)/$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --custom-compile-command 'make requirements' requirements.in --output-file requirements.txt

# XRootD's server from Debian makes the sandbox's doors real; without it they are plain files.
demo: setup
	@$(SHELL) deployments/system-packages.sh demo
	@$(BIN)/prodops demo

up: setup
	@$(BIN)/prodops up

# Three processes for what mostly waits. The chaos bench has nothing beside it but the unit tests.
SPREAD := --dist=loadfile --no-loadscope-reorder
CHAOS := tests/e2e/test_chaos.py
test: setup test-system
	@PRODOPS_TEST_TIERS="$$($(BIN)/python -m tests.tiers)" && \
	  echo "tiers: $$PRODOPS_TEST_TIERS" && \
	  $(BIN)/python -m pytest tests $$PRODOPS_TEST_TIERS --ignore=tests/slow --ignore=tests/unit --ignore=$(CHAOS) \
	    --numprocesses=3 $(SPREAD) && \
	  $(BIN)/python -m pytest $(CHAOS) tests/unit --numprocesses=2 $(SPREAD)

# What the tests need from Debian: installed where we may, else those tests are left out.
test-system:
	@$(SHELL) deployments/system-packages.sh test

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deployments.reference --check

docs: setup
	@$(BIN)/python -m deployments.reference

bench: setup
	@$(BIN)/prodops bench all

clean:
	rm -rf $(VENV)
