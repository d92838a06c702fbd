# make compare: set up and run the comparison on the built-in data. make test: set up and run the tests.
# make figures: repeat every study on LSPET in data/lspet; says first how long that takes.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: compare figures test lint docs clean

compare: $(READY)
	$(BIN)/python benchmarks/compare_pm_cpm.py $(ARGS)

figures: $(READY)
	$(BIN)/python benchmarks/publishing/figures.py $(ARGS)

test: $(READY)
	$(BIN)/python -m pytest -n auto $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(READY)
	rm -rf docs/reference/generated docs/generated
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --upgrade -c constraints.txt pip
	$(BIN)/python -m pip install -c constraints.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) docs/_build .pytest_cache .mypy_cache .ruff_cache
