# The commands of this project. `make` lists them.

# The first of these that is Python 3.11 or newer.
PYTHON := $(shell for python in python3.11 python3 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
EXTRAS := models,heic,remote,api,metrics,evaluation,spelling,demo,dev

.DEFAULT_GOAL := help
.PHONY: help demo train test test-slow soak lint format bench bench-full bench-models bench-relevance clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/installed ## Serve the demo shop: services, worker, catalogue, storefront; Ctrl-C ends it all
	@# It ends with make, even where make is killed.
	@exec $(BIN)/python project/services/mortal.py $$PPID 15 $(BIN)/python manage.py demo

# REAL names folders with catalog.jsonl and real photos, on which the page is measured too.
train: .venv/installed ## Train the demo's models from nothing, an hour on two cores, and write what they can do
	$(BIN)/python -m project.embedded.train
	$(BIN)/python -m project.embedded.train_reranker
	$(BIN)/python -m project.embedded.measure --real $(REAL)

# The families that need torchvision have a process of their own: the others must work without it.
test: .venv/installed ## Run the tests
	$(BIN)/pytest
	PYTHONPATH=.venv/vision $(BIN)/pytest tests/test_vision_families.py

# Exit status 5 means that there are no such tests.
test-slow: .venv/installed ## Run the tests that take longer
	$(BIN)/pytest -m slow || [ $$? -eq 5 ]

soak: .venv/installed ## Write and kill at random for SOAK_MINUTES (10), then compare index and shop
	$(BIN)/pytest -m soak -s

lint: .venv/installed ## Check style, types and migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy catalog_search
	$(BIN)/python manage.py makemigrations --check --dry-run

format: .venv/installed ## Put the code into the house style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Each fails by itself where it misses a goal; all are run.
BENCH := vector_lane whole suggestions facets ingest endpoint saved cold pictured
bench: .venv/installed ## Measure the app beside references in the same run; fails where a goal is missed
	@failed=0; for name in $(BENCH); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || failed=1; done; exit $$failed

# An hour or two; a million documents want 12 GB of memory and 8 GB of disk.
FULL := filters exact_or_hnsw query_kinds typos boosts families growth peers
bench-full: .venv/installed ## Measure growth up to a million documents, peers and all that takes longer
	@failed=0; for run in $(FULL) "ingest --rows 100000" "million --full"; do \
		echo "== $$run"; $(BIN)/python -m benchmarks.$$run || failed=1; done; exit $$failed

bench-models: .venv/installed ## Compare models through Celery with the bare library; fails where a goal is missed
	$(BIN)/python -m benchmarks.models

bench-relevance: .venv/installed ## Judge the results on a catalogue of 19,000 real products, beside tuned BM25
	$(BIN)/python -m benchmarks.relevance
	$(BIN)/python -m benchmarks.slices

clean: ## Remove the environment and all data of the demo; its programs must have ended
	rm -rf .venv .data .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/installed: pyproject.toml constraints.txt
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed; neither python3.11 nor python3 is." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt -e '.[$(EXTRAS)]'
	@# Without what it depends on, gigabytes of CUDA: tests/conftest.py says how it works then.
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c constraints.txt \
		--no-deps --upgrade --target .venv/vision torchvision
	touch $@
