# Everything a fresh Debian machine with python3 >= 3.11 and make needs.
# `make` lists the targets. PYTHON=... chooses another interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .tools/bin/uv
VENV := .venv/bin
READY := .venv/.ready
PACKAGE := ls_integration
CODE := $(wildcard ls_integration ml_backend tests benchmarks examples .ci/*.py)

# The lock decides about versions: no interpreter and no package from elsewhere.
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1

# Compose refuses to start without these; to check the file any value does.
COMPOSE_TRIAL := LS_INTEGRATION_SECRETS=./.secrets LS_INTEGRATION_MEDIA=./pictures

.PHONY: help setup demo test test-units test-live test-compose test-faults check format lock backup restore clean browser compose-check

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 22

setup: $(READY)  ## make .venv: the package, the server, the ML backend, the tools

demo: $(READY)  ## see the whole loop on a synthetic sample with a real Label Studio
	@$(VENV)/python -m $(PACKAGE) demo

# The server's tests wait more than they work: beside them the others cost little time.
test: check compose-check browser  ## check, then all tests
	@$(MAKE) --jobs 2 --keep-going --output-sync=target test-units test-live

test-units: $(READY)  ## the tests that need no server
	@$(VENV)/python -m pytest --ignore tests/live --ignore tests/faults

# Two servers side by side: most of these tests wait.
test-live: $(READY) browser  ## the tests with a real Label Studio and browser
	@$(VENV)/python -m pytest --numprocesses 2 --dist loadfile tests/live tests/faults

test-faults: $(READY)  ## many runs over a faulty network, also on PostgreSQL; half an hour
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	    { $(call debian,postgresql); }
	@$(VENV)/python -m pytest -m live tests/faults

test-compose: $(READY) browser  ## tests of docker-compose.yml; needs root and a Docker engine
	@command -v debootstrap >/dev/null || { $(call debian,debootstrap); }
	@$(VENV)/python -m pytest -m compose tests/compose

backup: TO ?= backups/$(shell date -u +%Y%m%dT%H%M%SZ)
backup:  ## copy the server of docker-compose.yml into backups/, or TO=FOLDER
	@compose/backup.sh backup "$(TO)"

restore:  ## put FROM=FOLDER into empty volumes; REPLACE=yes: over what is there
	@compose/backup.sh restore "$(FROM)"

check: $(READY)  ## style, types, import order, docstrings, licences
	@$(VENV)/ruff format --quiet --check --diff $(CODE)
	@$(VENV)/ruff check --quiet $(CODE)
	@$(VENV)/mypy --no-error-summary $(PACKAGE)
	@$(VENV)/lint-imports --no-logo > .venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	@find $(PACKAGE) -name '*.py' -print0 | xargs -0 \
	    $(VENV)/numpydoc lint
	@$(VENV)/python .ci/check_licences.py
	@$(VENV)/yamllint --strict docker-compose.yml
	@$(VENV)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	@echo "check: style, types, import order, docstrings, licences are in order"

format: $(READY)  ## let ruff rewrite the code
	@$(VENV)/ruff format --quiet $(CODE)
	@$(VENV)/ruff check --quiet --fix $(CODE)

lock: $(UV)  ## remake requirements.lock from pyproject.toml
	@$(UV) pip compile pyproject.toml --quiet --extra server --extra ml --extra consensus --extra onnx \
	    --extra dask --extra remote --extra s3 \
	    --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --output-file requirements.lock
	@$(UV) pip compile pyproject.toml --quiet --extra ml --universal --constraint requirements.lock \
	    --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --output-file ml_backend/requirements.lock
	@echo gunicorn | $(UV) pip compile - --quiet --universal --constraint requirements.lock \
	    --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --custom-compile-command "make lock" --output-file compose/requirements.lock

clean:  ## remove what make has made, keep studies, results and servers
	@rm -rf .tools .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
	@find $(PACKAGE) ml_backend tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The editable install is built with the locked hatchling, so nothing unlocked is fetched.
$(READY): requirements.lock pyproject.toml | $(UV)
	@test -x $(VENV)/python || $(UV) venv --quiet --python "$(PYTHON)" .venv
	@echo "setup: installing requirements.lock into .venv"
	@$(UV) pip sync --quiet --python $(VENV)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(VENV)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(UV): | python-is-new-enough
	@echo "setup: installing uv $(UV_VERSION) into .tools"
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call debian,python3-venv); }
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --quiet --disable-pip-version-check uv==$(UV_VERSION)

.PHONY: python-is-new-enough
python-is-new-enough:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name one with make PYTHON=..." >&2; exit 1; }

browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	    command -v chromium-browser >/dev/null || { $(call debian,chromium fonts-dejavu-core); }

compose-check: $(READY)
	@docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null || \
	    { $(call debian,docker-compose); }
	@compose=docker-compose; docker compose version >/dev/null 2>&1 && compose="docker compose"; \
	    env $(COMPOSE_TRIAL) $$compose --env-file .env.example --file docker-compose.yml config --quiet

# $(call debian,PACKAGES): install them, as root or with sudo; elsewhere say what is missing.
define debian
	command -v apt-get >/dev/null || \
	    { echo "this needs $(1): install it with your system's package manager" >&2; exit 1; }; \
	as_root=; test "$$(id -u)" = 0 || as_root=sudo; \
	test -z "$$as_root" || command -v sudo >/dev/null || \
	    { echo "this needs $(1): as root, apt-get install $(1)" >&2; exit 1; }; \
	echo "setup: installing $(1) from Debian"; \
	$$as_root env DEBIAN_FRONTEND=noninteractive sh -c \
	    'apt-get update -qq && apt-get install -qq -y --no-install-recommends $(1)' \
	    >/tmp/ls-integration-apt.$$$$.log 2>&1 </dev/null || \
	    { tail -n 20 /tmp/ls-integration-apt.$$$$.log >&2; exit 1; }
endef
