# Everything here works on a bare machine with Python >= 3.11: no server, no root needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet
ARGS ?=
# Tests side by side; 0 for one after the other.
JOBS ?= $(shell nproc 2>/dev/null || echo 1)

.PHONY: demo test lint scan bench serve lock clean

demo: $(VENV)/embedded
	@$(BIN)/ponctuel demo $(ARGS)

serve: $(VENV)/embedded
	@$(BIN)/ponctuel serve $(ARGS)

# All tests: most side by side, then, whatever came of these, those that judge how long
# something takes.
# With ARGS: those, one after the other.
test: $(VENV)/test
ifeq ($(ARGS),)
	@$(BIN)/pytest -n $(JOBS) --dist loadfile -m "not alone"; most=$$?; \
	  $(BIN)/pytest -m alone && exit $$most
else
	$(BIN)/pytest $(ARGS)
endif

bench: $(VENV)/test
	$(BIN)/python -m tests.benchmarks $(ARGS)

lint: $(VENV)/test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Versions and hashes of everything that can be installed; names no address.
lock: $(VENV)/test
	uv pip compile --universal --generate-hashes --no-annotate --no-header \
	  --all-extras --python-version 3.11 pyproject.toml --output-file requirements.lock

# Known weaknesses of what is installed, and secrets in what is published.
scan: $(VENV)/test
	$(BIN)/python deploy/scan.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis

# pip and the build tool first, in versions that check hashes of constraints.
$(VENV)/tools: deploy/build.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make PYTHON=python3.11 demo"; exit 1; }
	@echo "Making $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --require-hashes --requirement deploy/build.lock
	@touch $@

define install
	@echo "Installing $(1) (once) ..."
	@$(BIN)/python deploy/needed.py $(1) > $@.txt
	@$(PIP) install --require-hashes --constraint requirements.lock --requirement $@.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
endef

$(VENV)/embedded: $(VENV)/tools pyproject.toml requirements.lock
	$(call install,embedded)

$(VENV)/test: $(VENV)/tools pyproject.toml requirements.lock
	$(call install,embedded drand s3 test integration)
	@touch $(VENV)/embedded
