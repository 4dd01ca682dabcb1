# make demo: a guided picture of a real photograph.   make test: everything that CI checks.
# make test-all: that, and the tests that take minutes or gigabytes, and sweeps whole.
# make test-ci: the same with a share of each sweep, what CI runs.
# make test-floors: the main paths on older versions of ONNX Runtime, FLOORS, and on the lowest
#   version of every dependency; make test-ci and make test-all run it.
# make docs: the documentation as a site, in site/; its links are checked.
# make dist: wheel, sdist and the wheel's SBOM (CycloneDX, of what `retrograph[cpu]` installs), in
#   dist/, checked.
# make js: what the tests of engine/js run on, from npm.
# make test-triton: exported graphs in a Triton server, in an environment of its own (130 MB of
#   wheels for Linux, which `make triton` gets); make test-all runs it where that is there.
# make operators: ONNX's backend suite proved and recorded, and OPERATORS.md written by it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME ?= cpu

FLOORS ?= lowest 1.20 1.24 1.28

TRITON := .triton

.PHONY: demo docs dist test test-ci test-all test-floors test-triton triton check js operators clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[$(RUNTIME),demo,dev]"
	touch $@

demo: $(VENV)/ready
	mkdir -p demo_out
	$(BIN)/retrograph demo -o demo_out/cat.png --force

docs: $(VENV)/ready
	$(BIN)/python -m pip install --quiet -e ".[docs]"
	$(BIN)/mkdocs build --quiet

dist: $(VENV)/ready
	rm -rf dist
	$(BIN)/python -m pip install --quiet build cyclonedx-bom twine
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv --without-pip dist/installed
	$(BIN)/python -m pip --python dist/installed install --quiet "$$(ls dist/*.whl)[cpu]"
	$(BIN)/python -m pip --python dist/installed check
	$(BIN)/cyclonedx-py environment dist/installed --pyproject pyproject.toml --mc-type library \
	    --output-reproducible --output-file dist/retrograph.cdx.json
	rm -rf dist/installed

test: check
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not slow and not broad"

test-ci: check test-floors
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "not sweep"

test-all: check test-floors
	$(BIN)/python -m pytest -q -n auto --dist worksteal -m "slow or not slow"

test-floors: $(VENV)/ready
	$(BIN)/python tools/checks/check_floors.py $(FLOORS)

triton: $(TRITON)/ready

$(TRITON)/ready:
	$(PYTHON) -m venv $(TRITON)
	$(TRITON)/bin/python -m pip install --quiet nvidia-pytriton==0.7.0 onnxruntime
	touch $@

test-triton: $(VENV)/ready triton
	$(BIN)/python -m pytest -q -m "slow or not slow" tests/hosts/test_triton.py

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

js: engine/js/node_modules/.package-lock.json

engine/js/node_modules/.package-lock.json: engine/js/package-lock.json
	cd engine/js && ONNXRUNTIME_NODE_INSTALL=skip npm ci --ignore-scripts --no-audit --no-fund
	touch $@

operators: $(VENV)/ready
	$(BIN)/python tools/check_backend.py --record
	$(BIN)/python tools/docs/make_operators.py

clean:
	rm -rf $(VENV) $(TRITON) demo_out site .pytest_cache .mypy_cache .ruff_cache
