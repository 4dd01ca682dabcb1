# make demo: a guided picture of a real photograph.   make test: everything that CI checks.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUNTIME ?= cpu

.PHONY: demo test check clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[$(RUNTIME),demo,dev]"
	touch $@

demo: $(VENV)/ready
	$(BIN)/python tools/demo.py

test: check
	$(BIN)/python -m pytest -q -n auto

check: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) demo_out .pytest_cache .mypy_cache .ruff_cache
