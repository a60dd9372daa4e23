# The only list of tasks. `make demo` and `make test` need python3.11, make and git, nothing else.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# A virtual environment is as new as what it was made from.
SOURCES := pyproject.toml constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check format docs bench clean

help:  ## list the tasks
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.installed  ## show the sample runs: curves here, and a figure
	@$(BIN)/trainviz plot sample_runs --key mAP --title "val/mAP of six runs"
	@$(BIN)/trainviz plot sample_runs/sgd_seed0 --key train/loss --smooth ema:0.9
	@echo "The same as a figure:"
	@$(BIN)/trainviz plot sample_runs --key mAP --output demo-out/mAP.png
	@echo "Yours to use: $(BIN)/trainviz (or first: . $(BIN)/activate)"

test: $(VENV)/.tested  ## run the tests, with branch coverage
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(ARGS)
	@$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

check: $(VENV)/.checked  ## lint, format, types, layers, generated docs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

format: $(VENV)/.checked  ## put the code into its one format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(VENV)/.checked  ## write the generated pages again
	$(BIN)/python docs/generate.py

bench: $(VENV)/.benched  ## measure everything against its peers; writes benchmarks/README.md's table
	$(BIN)/python benchmarks/run.py --write

clean:  ## remove what the tasks made
	rm -rf $(VENV) demo-out .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.made:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.installed: $(VENV)/.made $(SOURCES)
	$(PIP) install --editable .
	@touch $@

$(VENV)/.tested: $(VENV)/.installed
	$(PIP) install "setuptools<81"  # the last that visdom's setup.py can be run with
	$(PIP) install --constraint constraints.txt --no-build-isolation visdom
	$(PIP) install --constraint constraints.txt --group test
	$(PIP) install --constraint constraints.txt --no-deps torchvision timm  # or pip takes another torch
	@touch $@

$(VENV)/.checked: $(VENV)/.tested
	$(PIP) install --constraint constraints.txt --group check
	@touch $@

$(VENV)/.benched: $(VENV)/.installed
	$(PIP) install --constraint constraints.txt --group peers
	@touch $@
