# make demo    the whole product on the sample company, from nothing
# make learn-demo    each climb teaches: lessons, a student, a gate, a way back; minutes
# make test    set up, check and test
# make help    the other targets

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile

# Public data for a few more tests and the benchmarks, where they are at hand.
PALIER_BENCH_DATA ?= $(wildcard ../shared/data)
export PALIER_BENCH_DATA

# What was compiled once is kept, also where the environment says otherwise: the tests start hundreds of processes, each
# of which would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=

# The tests' folders are in memory where it has room: their databases, some thousands, then wait for no disk.
ROOM = $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 6000000 { print "/dev/shm" }')

# Two test processes or more, one thread each: whole files go to whoever is free, the long ones (acceptance) first.
SPREAD := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# Types are checked beside the tests, and told after them; either failing is a failure.
define checked
$(BIN)/mypy > $(VENV)/mypy.txt 2>&1 & types=$$!; \
room=$$(mktemp -d $(addprefix -p ,$(ROOM))) && trap 'rm -rf "$$room"' EXIT; \
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest $(SPREAD) --basetemp "$$room/tests" $(1); tests=$$?; \
wait $$types; types=$$?; cat $(VENV)/mypy.txt; exit $$((tests | types))
endef

.PHONY: help demo learn-demo train test test-all lint quick bench clean

help:
	@sed -n 's/^# make/  make/p' Makefile
	@echo "  make train     torch and what teaches adapters, whose tests are else skipped (1 GB; more with its CUDA build)"
	@echo "  make test-all  the slow tests too, and every example of each law: soak, kill -9, every conformance suite"
	@echo "  make lint      formatting, types, floors"
	@echo "  make bench     the benchmarks (PALIER_BENCH_DATA names the public data)"
	@echo "  make clean     remove the environment and the demos' data"

demo: $(VENV)/.base
	@$(BIN)/python examples/demo.py

learn-demo: $(VENV)/.base
	@$(BIN)/python examples/learn_demo.py

train: $(VENV)/.train

test: $(VENV)/.dev quick
	@$(call checked,-m "not slow")

test-all: export PALIER_TEST_ALL = 1
test-all: $(VENV)/.dev quick
	@$(call checked)

lint: $(VENV)/.dev quick
	@$(BIN)/mypy

quick: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .palier-demo .palier-learn

$(VENV)/.base: constraints/base.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "palier needs Python >= 3.11; set PYTHON=...")'
	@echo "setting up $(VENV) (once, about a minute)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes -r constraints/base.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/palier models pull smollm2-135m
	@touch $@

$(VENV)/.dev: $(VENV)/.base constraints/dev.txt
	@$(PIP) --require-hashes -r constraints/dev.txt
	@touch $@

$(VENV)/.train: $(VENV)/.dev constraints/train.txt
	@$(PIP) -r constraints/train.txt
	@touch $@
