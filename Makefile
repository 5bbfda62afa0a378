.DEFAULT_GOAL := help
.PHONY: help install run test lint format bench locks schema clean
SHELL := bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV := .venv/bootstrap/bin/uv
GROUPS := ingest validate transform train evaluate predict push serve
SPEC ?= examples/flights/spec.yaml

help: ## Print every target with a line of what it does
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/.installed ## Set up .venv from the committed locks

.venv/.installed: requirements/local.txt requirements/uv.txt pyproject.toml
	@echo "Setting up .venv (once; about 1 GB to download)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Python 3.11 is needed; found $$($(PYTHON) --version). Name one: make PYTHON=/path/to/python3.11"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	@test -x $(UV) || bash requirements/bootstrap.sh $(PYTHON) .venv/bootstrap
	@$(UV) pip sync -q --python $(BIN)/python --compile-bytecode --require-hashes requirements/local.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

.venv/.developed: .venv/.installed requirements/dev.txt
	@$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.benched: .venv/.installed requirements/bench.txt
	@$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/bench.txt
	@touch $@

run: install ## Train, judge and publish the flights example
	@$(BIN)/python examples/flights/prepare.py
	@$(BIN)/latticework run $(SPEC)

test: .venv/.developed ## Run the whole test suite
	@$(BIN)/python examples/flights/prepare.py
	@$(BIN)/pytest

lint: .venv/.developed ## Check style, types and the house's floors
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.developed ## Put every file into shape
	@$(BIN)/ruff check --fix -q . || true
	@$(BIN)/ruff format -q .

bench: .venv/.benched ## Measure rows a second, memory and quality; writes benchmarks/results/
	@$(BIN)/python examples/flights/prepare.py
	@$(BIN)/python -m benchmarks.components
	@$(BIN)/python -m benchmarks.pipeline
	@$(BIN)/latticework run $(SPEC)
	@$(BIN)/python -m benchmarks.flights

locks: .venv/.installed ## Renew requirements/*.txt
	@$(UV) pip compile -q pyproject.toml --extra local --python-version 3.11 --generate-hashes --upgrade \
	  --custom-compile-command "make locks" -o requirements/local.txt
	@for group in $(GROUPS); do $(UV) pip compile -q pyproject.toml --extra $$group --python-version 3.11 \
	  --generate-hashes --constraint requirements/local.txt --custom-compile-command "make locks" \
	  -o requirements/$$group.txt; done
	@for group in dev bench; do $(UV) pip compile -q --group $$group --python-version 3.11 \
	  --generate-hashes --constraint requirements/local.txt --custom-compile-command "make locks" \
	  -o requirements/$$group.txt; done

schema: install ## Renew what is generated: the names Keras knows, the JSON Schema of a spec
	@$(BIN)/python -m components.train.keras_names 2>/dev/null
	@$(BIN)/latticework json-schema > schemas/spec.schema.json

clean: ## Remove runs, published models and prepared data
	@rm -rf runs serving examples/*/data
