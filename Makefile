# Every target does its own set-up: a machine needs Python 3.11 to 3.13 and make, nothing else.

VENV := .venv
PYTHON := $(VENV)/bin/python
LOCKS := requirements.txt requirements-dev.txt
WORKFLOW := .github/workflows/ci-cd.yml

# A stamp carries the checksum of the locks it stands for, so a changed lock (or another branch) installs again and an
# unchanged one costs nothing. cksum is POSIX; sha256sum is not on every machine.
RUN_STAMP := $(VENV)/.locked-$(shell cat requirements.txt | cksum | cut -d ' ' -f 1)
DEV_STAMP := $(VENV)/.locked-dev-$(shell cat $(LOCKS) | cksum | cut -d ' ' -f 1)

# uv reads no pip configuration; where pip was given an index (a company mirror), uv gets the same one.
UV := index="$${PIP_INDEX_URL:-$$($(PYTHON) -m pip config get global.index-url 2>/dev/null)}"; \
      [ -z "$$index" ] || export UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$index}"; $(VENV)/bin/uv

# Where Python is told to keep no bytecode, each of the many processes of demo, tests and bench would compile every package
# that it imports anew, which takes longer than the rest: import mlflow 7.8 s against 3.0 s.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-long test-all lint format lock bench setup openmp

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: $(RUN_STAMP) openmp  ## Simulate a loan book, train, release, replay what came next, and open the dashboard
	$(PYTHON) -m pipeline demo

# worksteal leaves the tests of a file with one worker, and so its servers and stores are made once.
test: $(DEV_STAMP) openmp  ## Run the tests (about 10 minutes on 2 cores), with branch coverage
	$(PYTHON) -m pytest -n auto --dist worksteal -m "not long" --cov --cov-branch --cov-report=term-missing:skip-covered

# One after the other: they load the machine, kill processes and measure time, and would disturb each other.
# pytest leaves with 5 when nothing is marked long; that is no failure.
test-long: $(DEV_STAMP) openmp  ## Run only the long tests (kill loops, whole topologies, load)
	$(PYTHON) -m pytest -m long || [ $$? -eq 5 ]

test-all: test test-long  ## Run every test (under 40 minutes)

lint: $(DEV_STAMP)  ## Check format, style, types, import contracts, Dockerfile, compose file and workflow
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/hadolint Dockerfile
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOW)
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(VENV)/bin/zizmor --offline $(WORKFLOW)

format: $(DEV_STAMP)  ## Format the code and mend what can be mended mechanically
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

# One universal lock serves Python 3.11 to 3.13 on every platform. To move versions: make lock ARGS=--upgrade
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
lock: $(VENV)/bin/uv  ## Compile the locks from pyproject.toml (ARGS=--upgrade for newer versions)
	@$(COMPILE) $(ARGS) pyproject.toml --output-file requirements.txt > /dev/null
	@$(COMPILE) $(ARGS) --group dev --constraint requirements.txt --output-file requirements-dev.txt > /dev/null

bench: $(DEV_STAMP) openmp  ## Measure the figures of the README's performance section (ARGS="index http" for some)
	$(PYTHON) -m tests.bench $(ARGS)

setup: $(DEV_STAMP)  ## Only set up the environment, development tools included

$(PYTHON):
	@found=""; for name in python3.11 python3.12 python3.13 python3; do \
	  if $$name -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Riskdeck needs Python 3.11, 3.12 or 3.13 with its venv module; found: $$(python3 --version 2>&1)." >&2; \
	  echo "Debian and Ubuntu: apt-get install python3 python3-venv" >&2; exit 1; \
	fi; \
	echo "Creating $(VENV) with $$($$found --version)"; $$found -m venv --clear $(VENV)

# uv itself comes from the lock, hash and all. The leading dash: without uv, pip does the work below.
$(VENV)/bin/uv: requirements-dev.txt | $(PYTHON)
	@awk '/^uv==/ {on = 1} on {print} on && !/\\$$/ {exit}' requirements-dev.txt > $(VENV)/uv.txt
	-@$(PYTHON) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(VENV)/uv.txt && touch $@

# uv installs in seconds what takes pip minutes. Both demand the hashes of the lock. --no-deps: the lock is complete, and
# pip would look again for what a package asks for by an extra (evidently: pandas[parquet]), which no lock line names.
define install
	@rm -f $(VENV)/.locked-*
	@echo "Installing the locked packages ($(1))"
	@$(UV) pip sync --quiet --python $(PYTHON) --require-hashes $(1) || { \
	  echo "uv could not install them (see above); trying pip, which takes some minutes." >&2; \
	  $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes $(addprefix -r ,$(1)); }
endef

$(RUN_STAMP): | $(VENV)/bin/uv
	$(if $(wildcard $(DEV_STAMP)),,$(call install,requirements.txt))
	@touch $@

$(DEV_STAMP): | $(VENV)/bin/uv
	$(call install,$(LOCKS))
	@touch $(RUN_STAMP) $@

openmp: | $(PYTHON)
	@$(PYTHON) -c 'import ctypes, sys; sys.platform == "linux" and ctypes.CDLL("libgomp.so.1")' 2>/dev/null || \
	  echo "LightGBM needs the OpenMP runtime libgomp.so.1, missing here. Debian and Ubuntu: apt-get install libgomp1" >&2
