# `make demo` and `make test` are all that a new user needs; each sets up what it needs first.
SHELL := /bin/bash
# Which Python makes the environment; unset: the first of the declared ones that is here.
PYTHON ?=
VENV := .venv
UV_VERSION := 0.13.9
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# What is imported is compiled once: each command, of hundreds in the tests, would do it again.
unexport PYTHONDONTWRITEBYTECODE
SYNC := UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --inexact --compile-bytecode

.PHONY: setup requirements demo up test test-fast test-all test-slow lint audit bench docs test-system clean

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

# Three processes keep two cores busy, since whole stacks are waited for; the longest pieces first
# (tests/schedule.py).
PYTEST := $(BIN)/python -m pytest --numprocesses=3 --dist=loadgroup --no-loadscope-reorder --durations=10
HERE = $$($(BIN)/python -m tests.tiers)
test: setup test-system
	@tiers="$(HERE)" && $(PYTEST) tests $$tiers

# Unit and integration tests without a shared stack or Rucio: for the loop at the desk.
test-fast: setup test-system
	@$(PYTEST) tests/unit tests/integration -m "not slow and not xdist_group"

# With the slower tier: every case of what `make test` tries once for each kind, set-ups anew, and
# ten times the made-up examples, others each time.
test-all: setup test-system
	@tiers="$(HERE)" && $(PYTEST) tests $$tiers -m "slow or not slow" --hypothesis-profile=thorough

# As much of the slower tier as takes so many seconds, drawn by a seed.
SLOW_SECONDS ?= 600
SLOW_SEED ?=
test-slow: setup test-system
	@drawn=$$($(BIN)/python -m tests.slower $(SLOW_SECONDS) $(SLOW_SEED)) && \
	  if [ -n "$$drawn" ]; then mapfile -t drawn <<<"$$drawn" && $(PYTEST) -m slow "$${drawn[@]}"; fi

# What the tests need from Debian: installed where we may, else those tests are left out.
PACKAGES := test
test-all test-slow: PACKAGES := slow
test-system:
	@$(SHELL) deployments/system-packages.sh $(PACKAGES)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deployments.reference --check

# Known advisories for what uv.lock pins; exit code 1 where there is one.
audit: setup
	@$(BIN)/python -m deployments.audit

docs: setup
	@$(BIN)/python -m deployments.reference

bench: setup
	@$(BIN)/prodops bench all

clean:
	rm -rf $(VENV)
