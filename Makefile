.DEFAULT_GOAL := help
.PHONY: help install run test lint format bench prism prism-stop flink flink-stop images push locks schema golden clean
SHELL := bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
UV := .venv/bootstrap/bin/uv
GROUPS := ingest validate transform train evaluate predict push serve resolve notify choose
COMPONENTS ?= $(patsubst components/%/Dockerfile,%,$(wildcard components/*/Dockerfile))
DOCKER ?= docker
BUILD_FLAGS ?=
TAG = $$($(BIN)/python -m pipeline.images)$(if $(GPU),-gpu)
SPEC ?= examples/flights/spec.yaml

help: ## Print every target with a line of what it does
	@awk -F ':.*## ' '/^[a-z -]+:.*## /{printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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

prism flink: .venv/.installed ## Start an engine of Beam on this machine (make prism, make flink)
	@$(BIN)/python -m deploy.engines $@

prism-stop flink-stop: ## End it
	@$(BIN)/python -m deploy.engines $(@:-stop=) --stop

images: .venv/.installed ## Build the components' images (COMPONENTS="train serve", GPU=1, BASE=python:3.11-slim)
	@tag=$(TAG); for component in $(COMPONENTS); do \
	  printf '%-10s ' $$component; \
	  $(DOCKER) build -q $(BUILD_FLAGS) $(if $(BASE),--build-arg BASE=$(BASE)) $(if $(GPU),--build-arg LOCK=train-gpu) \
	    --build-arg VERSION=$$tag --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) \
	    -f components/$$component/Dockerfile -t latticework/$$component:$$tag . >/dev/null || exit; \
	  $(DOCKER) images --format '{{.Repository}}:{{.Tag}}  {{.Size}}' latticework/$$component:$$tag; done

push: ## Push the images that were built to REGISTRY (REGISTRY=ghcr.io/acme)
	@test -n "$(REGISTRY)" || { echo "Where to? make push REGISTRY=ghcr.io/acme" >&2; exit 2; }
	@tag=$(TAG); for component in $(COMPONENTS); do \
	  $(DOCKER) tag latticework/$$component:$$tag $(REGISTRY)/latticework/$$component:$$tag && \
	  $(DOCKER) push $(REGISTRY)/latticework/$$component:$$tag || exit; done

LOCK = $(UV) pip compile -q --python-version 3.11 --generate-hashes --custom-compile-command "make locks"
IMAGE_LOCK = $(LOCK) pyproject.toml --constraint requirements/local.txt --override requirements/left-out.txt
NOT_ASKED_FOR = --override <(printf '%s; sys_platform == "none"\n'
TENSORFLOW = $$(sed -n 's/^tensorflow==\([^ ]*\).*/\1/p' requirements/local.txt)

locks: .venv/.installed ## Renew requirements/*.txt
	@$(LOCK) --upgrade pyproject.toml --extra local -o requirements/local.txt
	@for group in $(GROUPS); do \
	  case $$group in serve) without=pillow;; evaluate) without=kubernetes;; *) without="kubernetes pillow";; esac; \
	  case $$group in transform|train|evaluate|predict|serve) cpu="tensorflow-cpu==$(TENSORFLOW)";; *) cpu=;; esac; \
	  echo $$cpu | $(IMAGE_LOCK) - --extra $$group $(NOT_ASKED_FOR) tensorflow $$without) \
	    -o requirements/$$group.txt || exit; done
	@echo "tensorflow[and-cuda]==$(TENSORFLOW)" | $(IMAGE_LOCK) - --extra train $(NOT_ASKED_FOR) kubernetes pillow) \
	  -o requirements/train-gpu.txt
	@for group in dev bench; do $(LOCK) --group $$group --constraint requirements/local.txt \
	  -o requirements/$$group.txt || exit; done

schema: install ## Renew what is generated: the names Keras knows, the spec's JSON Schema, component.yaml
	@$(BIN)/python -m components.train.keras_names 2>/dev/null
	@$(BIN)/latticework json-schema > schemas/spec.schema.json
	@$(BIN)/python -m pipeline.component_files

golden: .venv/.developed ## Write the tests' compiled pipelines anew, to be read before they are committed
	@RENEW_GOLDEN=1 $(BIN)/pytest tests/pipeline/test_compile.py

clean: ## Remove runs, published models and prepared data
	@rm -rf runs serving examples/*/data
