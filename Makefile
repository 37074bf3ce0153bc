# `make` alone lists the targets. Everything installs itself from the locks into .venv; only Python 3.11 is needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint lock faults fuzz sentences browser

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "make %-8s %s\n", $$1, $$2}'

$(READY): requirements/dev.txt requirements/chart.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "raygpu needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/chart.txt
	PYTHONWARNINGS=ignore $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

setup: $(READY) ## make .venv from the locks

demo: $(READY) ## the whole of raygpu in a page, against a local world: type /raygpu create demo
	$(BIN)/raygpu sandbox

# The browser tests drive Debian's Chromium. Elsewhere: install any Chromium and set CHROMIUM to its path.
browser:
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing Debian's chromium for the browser tests"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "the browser tests need chromium: apt-get install chromium, or set CHROMIUM to its path"; fi; fi

test: $(READY) browser ## every test (unit, contract, engine, wire, browser)
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(READY) ## format, lint, types and the import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports

check: lint test ## all that must hold before a commit lands

faults: $(READY) ## crash at every outside call of a create and of a delete (ten minutes)
	$(BIN)/python benchmarks/faults.py

fuzz: $(READY) ## 100,000 mutated payloads, each judged against the policy (five minutes)
	$(BIN)/python benchmarks/fuzz.py

sentences: $(READY) ## collect the sentences of the code into blocks/locale (docs/languages.md)
	$(BIN)/python tests/house/collect.py

lock: $(READY) ## renew requirements/*.txt from pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-header -o requirements/run.txt pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-header --extra sandbox --extra dev -c requirements/run.txt \
	  -o requirements/dev.txt pyproject.toml
