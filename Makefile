# Set-up needs make, a Python of 3.11 or newer and the package registry; on Debian and Ubuntu it
# brings what else it needs. Everything goes into .venv and .apt, both ignored by git.

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK_ALONE := $(BIN)/uv pip compile --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --quiet
LOCK := $(LOCK_ALONE) pyproject.toml --group build

.PHONY: help setup setup-dev demo up test test-postgres lint format bench lock clean

help:
	@echo "make demo    take every document in samples/ through all stages"
	@echo "make up      start the service"
	@echo "make test    check style and types, then run all tests"
	@echo "make test-postgres  run what is about PostgreSQL on versions 16 and 17 too"
	@echo "make lint    check style, types and who imports whom"
	@echo "make format  put style right"
	@echo "make bench   measure, and write docs/reference/performance.md (ONLY=name ROUNDS=5);"
	@echo "             BENCH=bench/one.py runs that script alone and prints what it measured"
	@echo "make lock    pin the dependencies of pyproject.toml anew"

setup: .venv/.set-up
setup-dev: .venv/.set-up-dev

.venv/bin/python:
	@scripts/make-venv .venv

.venv/.set-up: requirements-setup.txt requirements.txt pyproject.toml | .venv/bin/python
	@echo "Installing the pinned dependencies into .venv"
	@scripts/install .venv requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.set-up-dev: requirements-dev.txt .venv/.set-up
	@echo "Installing what tests need into .venv"
	@scripts/install .venv requirements-dev.txt
	@touch $@

demo: setup
	$(BIN)/docledger process samples

up: setup
	$(BIN)/docledger up

test: lint
	scripts/get-postgres
	scripts/get-pgbouncer
	scripts/get-s3
	$(BIN)/pytest

# What runs on the distribution's PostgreSQL, on each version that can be had; `test` runs a part.
test-postgres: setup-dev
	scripts/get-postgres
	@for version in 16 17; do \
		DOCLEDGER_TEST_POSTGRES=$$version $(BIN)/pytest -k debian || exit; \
	done

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# With BENCH, one script of bench/ alone, its line of JSON printed; without, the page of the docs.
bench: export PYTHONPATH := bench:tests:scripts
bench: setup-dev
	@scripts/get-postgres
ifdef BENCH
	@for script in $(BENCH); do $(BIN)/python scripts/with_postgres.py $$script || exit; done
else
	@scripts/get-wrk
	@scripts/get-bench-peers
	@$(BIN)/python bench/run.py \
		$(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
		$(if $(OLD),--old $(OLD))
endif

# The files name no registry: pip takes the one that it is set up with.
lock: setup-dev
	$(LOCK) --output-file requirements.txt
	$(LOCK) --group dev --constraints requirements.txt --output-file requirements-dev.txt
	$(LOCK_ALONE) --group setup --output-file requirements-setup.txt
	$(LOCK_ALONE) --group bench --output-file requirements-bench.txt
	$(LOCK_ALONE) --group s3 --output-file requirements-s3.txt

clean:
	rm -rf .venv .venv-bench .venv-conversion .venv-docling .venv-s3 .servers .apt bench/peers/node_modules
