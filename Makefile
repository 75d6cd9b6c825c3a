# Adapter Hub: `make` or `make help` lists every target.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The interpreter that makes .venv: PYTHON=/path/to/python3.12 make venv
PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
# The port of `make demo` and `make serve`.
PORT ?= 8000

VENV := .venv/bin/python
PIP := $(VENV) -m pip --disable-pip-version-check
RUN_FILES := $(wildcard requirements/base.txt requirements/ml.txt requirements/nodeps.txt kernels/pyproject.toml hubclient/pyproject.toml)
DEV_FILES := $(RUN_FILES) requirements/lm.txt requirements/dev.txt requirements/dev-nodeps.txt
# A stamp is named after the contents it stands for and the folder it was made in, so that neither a checkout
# that touches files nor a second `make` installs anything, and a moved folder does.
digest = $(shell (printf '%s' '$(subst ','\'',$(CURDIR))'; cat $(1)) | sha256sum | cut -c1-16)
RUN_STAMP := .venv/.run-$(call digest,$(RUN_FILES))
DEV_STAMP := .venv/.dev-$(call digest,$(DEV_FILES))
# A file of tests stays in one process, with its servers; fast folders still come first.
SPREAD := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Hugging Face libraries never look anything up: every base model has a location on this machine.
export HF_HUB_OFFLINE ?= 1
export TOKENIZERS_PARALLELISM ?= false

.PHONY: help
help: ## Explain every target
	@echo "Adapter Hub. Two commands from nothing: 'make demo' and 'make test'."
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "Variables: PYTHON (3.11 or newer, makes .venv), PORT (default 8000), ONCE=1 (demo), KEEP=1 (cluster), ARGS (passed to pytest)."

.PHONY: venv
venv: $(RUN_STAMP) ## Create .venv with the pinned requirements (a second run is instant)
	@echo "Ready: .venv/bin/python"

.PHONY: demo
demo: $(RUN_STAMP) ## Train, push, review, pull and stitch real adapters, then serve them (ONCE=1 exits, PORT=8000)
	@$(VENV) -m demo --port $(PORT) $(if $(filter-out 0,$(ONCE)),--once)

.PHONY: cluster
cluster: $(DEV_STAMP) ## The demo's walk on PostgreSQL, Redis, S3, two web processes, two workers (KEEP=1 keeps it running)
	@$(VENV) -m cluster $(if $(filter-out 0,$(KEEP)),--keep)

.PHONY: serve
serve: $(RUN_STAMP) ## Run the hub alone: web, worker thread and sweep in one process (PORT=8000)
	@$(VENV) manage.py serve --port $(PORT)

.PHONY: test
test: $(DEV_STAMP) debian lint ## Install what the tests need, check the style and run the whole suite, a process per core
	@$(VENV) -m pytest --literature $(SPREAD) $(ARGS)

.PHONY: test-faults
test-faults: $(DEV_STAMP) debian ## Run the whole fault matrix on real processes and rewrite docs/FAULTS.md (about half an hour)
	@$(VENV) -m pytest --faults $(ARGS)

.PHONY: soak
soak: $(DEV_STAMP) debian ## Pushes, deletions and pulls with garbage collection every 2 s (MINUTES=10, ARGS="--postgres --swift")
	@$(VENV) -m tests.soak --minutes $(or $(MINUTES),10) $(ARGS)

.PHONY: test-fast
test-fast: $(DEV_STAMP) ## Run only the unit and contract tests (ARGS="-k name")
	@$(VENV) -m pytest tests/unit $(wildcard tests/contract) -m "not slow" $(ARGS)

.PHONY: lint
lint: $(DEV_STAMP) ## Check formatting, style, types and the import contracts
	@echo "ruff format"; $(VENV) -m ruff format --check .
	@echo "ruff check"; $(VENV) -m ruff check .
	@echo "mypy"; $(VENV) -m mypy
	@echo "import contracts"; $(VENV) -c "from importlinter.cli import lint_imports_command as check; check()"

.PHONY: format
format: $(DEV_STAMP) ## Format the code and apply the safe fixes
	@$(VENV) -m ruff check --fix-only .
	@$(VENV) -m ruff format .

.PHONY: literature
literature: $(DEV_STAMP) ## Run the whole suite and rewrite docs/LITERATURE.md from what passed
	@$(VENV) -m pytest --literature $(SPREAD) $(ARGS)

.PHONY: schema
schema: $(RUN_STAMP) ## Print the OpenAPI schema of /api/v1
	@$(VENV) manage.py spectacular --validate

.PHONY: bench-validation
bench-validation: $(DEV_STAMP) ## Measure a warm validation and keep the figures in benchmarks/RESULTS.md
	@$(VENV) -m benchmarks.validation

.PHONY: bench-kernels
bench-kernels: $(DEV_STAMP) ## Measure the numerics beside the originals (ARGS=--quick for a smoke run)
	@$(PIP) install --quiet --no-deps -r requirements/bench.txt
	@$(VENV) -m benchmarks.kernels $(ARGS)

.PHONY: bench-service
bench-service: $(DEV_STAMP) debian ## Measure the service with a million adapters, jobs and transfers (ARGS=--quick for a smoke run)
	@$(VENV) -m benchmarks.service $(ARGS)

.PHONY: bench-search
bench-search: $(DEV_STAMP) debian ## Measure search over a million adapters in PostgreSQL and SQLite beside its budget (ARGS=--quick)
	@$(VENV) -m benchmarks.search $(ARGS)

.PHONY: bench-eval
bench-eval: $(DEV_STAMP) ## Measure twenty adapters on one set: the hub, separate processes, bare forward passes (ARGS=--quick)
	@$(VENV) -m benchmarks.evaluation $(ARGS)

.PHONY: bench-families
bench-families: $(DEV_STAMP) ## Train 23 adapters, compress them every way, measure bytes and accuracy, draw the chart (ARGS=--quick)
	@$(VENV) -m benchmarks.families $(ARGS)

.PHONY: debian
debian: ## Install the Debian packages of the tests where that is allowed, else name the missing ones
	@scripts/debian-packages.sh --install

.PHONY: messages
messages: $(RUN_STAMP) ## Collect the texts of the pages for a language (TO=de), or compile all catalogues
	@$(if $(TO),$(VENV) manage.py makemessages -l $(TO) --no-location --no-wrap -i '.venv' -i var -i data -i tests -i build,$(VENV) manage.py compilemessages -i '.venv' -v0)

.PHONY: screenshots
screenshots: $(DEV_STAMP) debian ## Take the pictures of the README from a hub that `make demo` serves (PORT=8000)
	@$(VENV) -m tests.browser.screenshots --hub http://127.0.0.1:$(PORT) --people $$(ls -t var/demo/*/people.json | head -1)

.PHONY: lock
lock: $(DEV_STAMP) ## Pin requirements/*.txt again from requirements/*.in
	@scripts/lock.sh

.PHONY: clean
clean: ## Remove .venv and every cache (the hub's data stays)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +

$(RUN_STAMP): $(RUN_FILES)
	@scripts/check-tools.sh "$(PYTHON)"
	@echo "Creating .venv; the first time this downloads PyTorch and takes some minutes"
	@"$(PYTHON)" -m venv .venv
	@$(PIP) install -r requirements/base.txt -r requirements/ml.txt
	@$(PIP) install --no-deps -r requirements/nodeps.txt
	@for package in $(patsubst %/pyproject.toml,%,$(filter %/pyproject.toml,$(RUN_FILES))); do \
	    echo "Installing $$package from this checkout"; $(PIP) install --quiet --no-deps --no-build-isolation --editable "./$$package"; done
	@rm -f .venv/.run-*; touch $@

$(DEV_STAMP): $(RUN_STAMP) requirements/lm.txt requirements/dev.txt requirements/dev-nodeps.txt
	@$(PIP) install -r requirements/lm.txt -r requirements/dev.txt
	@$(PIP) install --no-deps -r requirements/dev-nodeps.txt
	@rm -f .venv/.dev-*; touch $@
