# `make` alone lists the targets. Everything installs itself from the locks into .venv; only Python 3.11 is needed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
RAY := .venv-ray/.ready
AWS := .venv-kubernetes/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint lock faults fuzz judge sweep bench sentences browser prometheus ray kubernetes ladder

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{printf "make %-11s %s\n", $$1, $$2}'

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

# The metrics tests ask a real Prometheus, Debian's. Elsewhere: have `prometheus` and `promtool` on PATH.
prometheus:
	@if ! { command -v prometheus && command -v promtool; } >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing Debian's prometheus for the metrics tests"; \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null; \
	  else echo "the metrics tests need prometheus and promtool: apt-get install prometheus"; fi; fi

$(RAY): requirements/ray.txt
	$(PYTHON) -m venv .venv-ray
	.venv-ray/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/ray.txt
	touch $@

ray: $(RAY) ## the Ray whose head the tests ask, in .venv-ray (400 MB, a minute)

$(AWS): requirements/kubernetes.txt
	$(PYTHON) -m venv .venv-kubernetes
	.venv-kubernetes/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/kubernetes.txt
	touch $@

kubernetes: $(READY) $(AWS) ## the Kubernetes half against real control planes (docs/kubernetes.md; first build: ten minutes, then ten)
	$(BIN)/python benchmarks/tier.py

test: $(READY) $(AWS) browser prometheus ray ## every test but the ladder's; those of real control planes where Go is
	$(BIN)/pytest -n 2 --dist loadfile -m "not kubernetes and not ladder"
	$(BIN)/python benchmarks/tier.py --where-possible
	@echo "One tier did not run, since it wants the machine to itself: make ladder."

ladder: $(READY) browser ## remind, park, delete at speed, in the page and on the wire (five minutes, nothing else beside it)
	$(BIN)/pytest -n0 -m ladder tests/e2e

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

judge: $(READY) ## idleness decisions replayed against a known truth: a thousand cluster-weeks (docs/judge.md; ten minutes)
	$(BIN)/python benchmarks/judge.py

sweep: $(READY) ## Redis calls of a tick over 10,000 clusters, in a real Valkey
	$(BIN)/python benchmarks/sweep.py

bench: $(READY) ## what the engine costs: the sweep
	$(BIN)/python benchmarks/bench.py

sentences: $(READY) ## collect the sentences of the code into blocks/locale (docs/languages.md)
	$(BIN)/python tests/house/collect.py

lock: $(READY) ## renew requirements/*.txt from pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-header -o requirements/run.txt pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-header --extra sandbox --extra dev -c requirements/run.txt \
	  -o requirements/dev.txt pyproject.toml
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-header -o requirements/ray.txt requirements/ray.in
	$(BIN)/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-header -o requirements/kubernetes.txt requirements/kubernetes.in
