# Two commands do everything: `make study` and `make test`. `make help` lists the rest.
STUDY ?=
ONLY ?=
PROFILE ?=
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

.PHONY: help install study plan findings lint check test test-faults test-slurm docs schemas lock

help:
	@echo "make study [STUDY=core]  run a study, print the path of its report (ONLY=forgetting: one experiment of it)"
	@echo "     [PROFILE=slurm]     where its jobs run, docs/how-to/cluster.md"
	@echo "make test                run the test suite"
	@echo "make test-faults         disturb a study in every way, see that it recovers (FAULTS=30 FAULTS_SEED=7: some cases)"
	@echo "make test-slurm          run the quick study through the Slurm of this machine, disturb it, compare"
	@echo "make plan  [STUDY=core]  show what would run, and why"
	@echo "make findings STUDY=core put the pages of its experiments into docs/findings"
	@echo "make docs                build the site from docs/, with warnings as errors"
	@echo "make schemas             write the JSON schemas of the study's files, for editors"
	@echo "make check               what every commit must pass, in 4 minutes on 2 cores"
	@echo "make lock                write the pins from this environment"

install: .venv/.installed

.venv/.installed: pyproject.toml requirements.lock
	@command -v git >/dev/null || { echo "git is missing: install it"; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python 3.11, 3.12 or 3.13, or give PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11 to 3.13 is needed, this is %d.%d; give PYTHON=..." % v)'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "venv is missing: install python3-venv (Debian, Ubuntu)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	@touch $@

study: install
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/imprint study $(STUDY)$(if $(ONLY),.$(ONLY))$(if $(PROFILE), --profile $(PROFILE))

plan: install
	@$(BIN)/imprint plan $(STUDY)$(if $(ONLY),.$(ONLY))

findings: install
	@$(BIN)/imprint findings $(STUDY)$(if $(ONLY),.$(ONLY))

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --dry-run --quiet all

check: lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q -m "not slow and not mnist" -n 2

test: install
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q -n 2

test-faults: export FAULTS := $(if $(FAULTS),$(FAULTS),all)
test-faults: export FAULTS_SEED := $(if $(FAULTS_SEED),$(FAULTS_SEED),$(shell date +%s))
test-faults: install
	@echo "FAULTS=$(FAULTS) FAULTS_SEED=$(FAULTS_SEED)"
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q -n 2 tests/faults

test-slurm: install
	PATH="$(CURDIR)/$(BIN):$$PATH" SLURM=required STUDY=$(STUDY) $(BIN)/python -m pytest -q tests/slurm

docs: install
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build
	@echo "$(CURDIR)/docs/_build/index.html"

schemas: install
	$(BIN)/python -m imprint.json_schemas

lock: install
	$(BIN)/python tools/lock.py
