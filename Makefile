# Every target makes the environment it needs; nothing has to be installed by hand.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINISTACK := .venv-ministack
JOBS ?= 2

.PHONY: demo up down test test-slow test-operation check docs bench clean

## The main job on the embedded default, told on one screen. SPEECH=folder uses your recordings.
demo: $(VENV)/.demo
	@$(BIN)/python -m deployments.demo $(if $(SPEECH),--speech "$(SPEECH)")

## A Prefect server, a worker and every deployment on its schedule, on this machine; `make down` stops
## them. CONFIG=folder runs a deployment of yours, PORT=number puts the UI elsewhere, DATABASE=@file
## keeps Prefect's own data in the PostgreSQL whose URL the file holds: docs/running.md.
up: $(VENV)/.up
	@$(BIN)/python -m deployments.local up $(if $(CONFIG),--config "$(CONFIG)") $(if $(PORT),--port "$(PORT)") $(if $(DATABASE),--database "$(DATABASE)")

down:
	@$(BIN)/python -m deployments.local down

## All tests, those against real servers too; minutes-long ones are in test-slow.
test: $(VENV)/.dev $(MINISTACK)/.ready
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: $(VENV)/.dev $(MINISTACK)/.ready
	$(BIN)/pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "slow and not operation"

## What `make up` starts, killed, cut off, looked at, and lived with for a week: one after the other,
## as two Prefect servers on SQLite beside each other get in each other's way.
test-operation: $(VENV)/.dev $(MINISTACK)/.ready
	$(BIN)/pytest -m operation

## Style, types and the direction of imports.
check: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

## The documentation as a site, in site/; every link is checked.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

## Ratios against real peers, measured in one run; then the tables and pictures of
## docs/performance.md. SPEECH=folder measures with your recordings. One of them alone:
## `.venv/bin/python -m benchmarks.extraction`.
BENCHMARKS := extraction floor stages end_to_end prefect_share s3 reading log scale report
bench: $(VENV)/.bench
	@for name in $(BENCHMARKS); do \
		echo "== $$name"; \
		env -u OPENBLAS_CORETYPE $(if $(SPEECH),UNVOICED_SPEECH="$(SPEECH)") \
			$(BIN)/python -m benchmarks.$$name || failed="$$failed $$name"; \
	done; \
	test -z "$$failed" || { echo "failed:$$failed"; exit 1; }

clean:
	rm -rf $(VENV) $(MINISTACK) .demo site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/pip:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing what the demo needs (once; a minute or two) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[pipeline,demo]'
	@touch $@

$(VENV)/.up: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing what the pipeline needs (once; a minute or two) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[pipeline,catalog]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing what the tests need (once; some minutes) ..."
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.demo $(VENV)/.up

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev,bench]'
	@touch $@

# An AWS for tests. It pins another botocore than ours, so it has an environment of its own.
$(MINISTACK)/.ready:
	$(PYTHON) -m venv $(MINISTACK)
	$(MINISTACK)/bin/pip install --quiet --disable-pip-version-check 'ministack==1.5.33' 'cryptography>=50,<51'
	@touch $@
