# `make help` lists what there is. Everything runs from .venv, without root and without Docker.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
COMPILE := $(BIN)/uv pip compile --quiet --no-header --generate-hashes --no-emit-index-url --python-version 3.11

export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
export GX_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help setup run airflow stop test faults lint bench lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Set up .venv from the hashed lock; then .venv/bin/roi works

$(STAMP): requirements/dev.txt requirements/uv.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(PYTHON) is not on this machine: install Python 3.11, or name it: make setup PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements/dev.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m roi_engine.warehouse.extensions
	@touch $(STAMP)

run: setup ## Show it all: a simulated estate through Airflow to the table (KEEP=1 leaves it up)
	$(BIN)/roi demo $(if $(KEEP),--keep)

airflow: setup ## Daily work: Airflow on loopback over ./inbox and ./lake, until Ctrl-C
	$(BIN)/roi airflow

stop: setup ## End the Airflow that KEEP=1 left up
	$(BIN)/roi airflow --home demo/airflow --stop

test: setup ## Lint, then every test but the long kills
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

faults: setup ## Kill a run at every step and see that nothing is lost (about 15 minutes)
	$(BIN)/python -m pytest -m slow

lint: setup ## Style, types, import contracts, SQL
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/sqlfluff lint --processes 2 --disable-progress-bar dbt_project/models dbt_project/tests

bench: setup ## Seconds and memory against peers; Airflow against roi run; coverage of the intervals
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/one_more_day.py
	$(BIN)/python benchmarks/airflow.py
	$(BIN)/python -m benchmarks.coverage --estates 2000

lock: ## Resolve the dependencies anew and write the hashed locks
	$(COMPILE) --extra dev --extra airflow pyproject.toml requirements/build.in -o requirements/dev.txt
	$(COMPILE) --extra airflow -c requirements/dev.txt pyproject.toml requirements/build.in -o requirements/airflow.txt
	$(COMPILE) -c requirements/dev.txt pyproject.toml -o requirements/base.txt
	echo uv | $(COMPILE) - -o requirements/uv.txt

clean: ## Remove what a run or a build left behind (never a lake)
	rm -rf dbt_project/target dbt_project/logs .pytest_cache .mypy_cache .ruff_cache build dist
