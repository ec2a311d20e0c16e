# Every verb does its own set-up in .venv; all it needs is Python 3.11 or newer, and git.
#
#   make test PYTEST_FLAGS="-m 'not slow'"         in one process, without the slow tests
#   make demo DEMO_FLAGS="--shots 5,50"            another demo
#   make demo PYTHON=python3.12                    another interpreter
#
# A torch that is in .venv already, whichever build, is left alone.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
# Two processes; loadscope keeps the tests of a class together, which share their trainings. They
# begin in the order of tests/conftest.py, slow ones first, and not by the number of tests.
PYTEST_FLAGS ?= -n 2 --dist loadscope --no-loadscope-reorder --durations=20
BENCH_FLAGS ?=
DEMO_FLAGS ?= --methods ddpm,simclr,moco --shots 50

BIN := $(VENV)/bin
STAMP := $(VENV)/installed.stamp
PINS := $(VENV)/constraints.txt

# Before torch loads: sleeping threads, not spinning ones, on a machine that others use too.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help demo test lint types audit bench format clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

demo: $(STAMP)  ## compare DDPM, SimCLR and MoCo pretraining on 50 labelled phantoms
	$(BIN)/python -m benchmark run $(DEMO_FLAGS)
	@echo "The report is runs/report.html, the leaderboard runs/leaderboard.md."

test: lint types  ## lint, types and tests: what CI runs
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(STAMP)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict
	$(BIN)/mypy

audit: $(STAMP)  ## known holes in the pinned versions, as far as pip-audit can ask
	$(BIN)/python .ci/audit.py

bench: $(STAMP)  ## how fast the parts are, with pytest-benchmark
	$(BIN)/python -m pytest benchmarks --benchmark-only $(BENCH_FLAGS)

format: $(STAMP)  ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove caches and builds; runs/ and .venv stay
	rm -rf build dist *.egg-info .benchmarks .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || { \
	  test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; name it with PYTHON=..." >&2; exit 1; }; \
	  "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name it with PYTHON=...")' \
	  && "$(PYTHON)" -m venv $(VENV); }
	@cp constraints.txt $(PINS)
	@pinned=$$(sed -n 's/^torch==//p' constraints.txt); \
	torch=$$($(BIN)/python -c 'import importlib.metadata as m; print(m.version("torch"))' 2>/dev/null) || torch=; \
	case "$$torch" in \
	  ""|"$$pinned"|"$$pinned"+*) ;; \
	  *) echo "keeping torch $$torch, which is in $(VENV) already"; \
	     grep -v -e '^torch==' -e '^torchvision==' constraints.txt > $(PINS); \
	     echo "torch==$$torch" >> $(PINS) ;; \
	esac
	$(BIN)/python -m pip install --disable-pip-version-check -c $(PINS) -e '.[imagenet,dicom,volumes,test,lint,audit]'
	@touch $@
