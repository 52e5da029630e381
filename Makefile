# From a clone to a report. `make help` lists the targets; the settings are
#   CORES      how many cores the study may use (default: all)
#   WORKERS    how many tests run at a time (default: two more than cores, because many wait)
#   ARGS       further arguments for snakemake (make, make smoke) or pytest (make test)
#   FROM       a folder with copies of the published tables (make tables)
#   PYTHON     the Python (3.11 or newer) that .venv is made from; found by itself otherwise
#   PIP_INDEX  a further package index, or pip options, for the set-up: for example torch's own
#              CPU builds (0.2 GB in place of some GB of CUDA on Linux), on a fresh clone or
#              after `make clean`:
#              make PIP_INDEX=https://download.pytorch.org/whl/cpu
# pip's own settings (PIP_INDEX_URL, pip.conf ...) hold as everywhere.

CORES ?= all
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2)
ARGS ?=
FROM ?=
PYTHON ?=
PIP_INDEX ?=

EXTRAS := dev,slurm,study
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
# Rules call `python`: it has to be the one of .venv.
IN_VENV := PATH="$(CURDIR)/$(BIN):$$PATH"

INDEX := $(if $(filter -%,$(firstword $(PIP_INDEX))),$(PIP_INDEX),$(addprefix --extra-index-url ,$(PIP_INDEX)))
# requirements.lock was made with the first; up to 3.13 all its packages come ready built.
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3.13 python3 python)

new_enough = $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null

# Some systems ship Python without ensurepip: then the pip of that Python does the work.
define new_venv
	for python in $(PYTHONS); do \
		$(call new_enough,"$$python") && break; \
		python=; \
	done; \
	if test -z "$$python"; then \
		echo "isoloss needs Python 3.11 or newer; tried:" >&2; \
		for python in $(PYTHONS); do \
			echo "  $$python: $$("$$python" --version 2>/dev/null || echo not there)" >&2; \
		done; \
		echo "Install one, or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	rm -rf $(1); \
	if "$$python" -c 'import ensurepip' 2>/dev/null; then \
		"$$python" -m venv $(1); \
	elif "$$python" -c 'import pip, venv' 2>/dev/null; then \
		"$$python" -m venv --without-pip $(1) && "$$python" -m pip --python $(1)/bin/python install pip; \
	else \
		echo "$$python cannot make a virtual environment: it lacks venv or pip." >&2; \
		echo "Install them (Debian, Ubuntu: apt install python3-venv), or name another" >&2; \
		echo "Python: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi
endef

.DEFAULT_GOAL := study
.PHONY: study full smoke test logs tables lint setup lock wheels clean help

study: setup ## set everything up, run the default study, write results/report.html (the default)
	@$(IN_VENV) snakemake --cores $(CORES) $(ARGS)

full: setup ## every experiment and figure, each with enough runs (an hour on two cores)
	@$(IN_VENV) snakemake --cores $(CORES) --configfile=config/full.yaml $(ARGS)

smoke: setup ## run every rule once, on small models (about a minute)
	@$(IN_VENV) snakemake --cores $(CORES) --configfile=config/smoke.yaml $(ARGS)

test: setup ## set everything up, run all tests
	@$(IN_VENV) python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

LOGS := build/logs/bin/python
logs: ## run the tests of isoloss import with all tools that write logs, in build/logs (3 GB)
	@if ! $(LOGS) -c 'import aim, wandb' 2>/dev/null; then $(call new_venv,build/logs) && \
		$(LOGS) -m pip install --disable-pip-version-check $(INDEX) --editable '.[dev,study,dev-logs]'; fi
	@PATH="$(CURDIR)/build/logs/bin:$$PATH" $(LOGS) -m pytest -q -rs tests/logs $(ARGS)

tables: setup ## fetch the published tables that some tests need (FROM=DIR: copy them from there)
	@$(IN_VENV) isoloss fetch $(if $(FROM),--from "$(FROM)")

lint: setup ## run only the tests of form: snakemake --lint, snakefmt, ruff
	@$(IN_VENV) python -m pytest -q tests/test_lint.py

setup: $(STAMP) ## make .venv with the pinned versions, if it is missing or stale

# A .venv that was moved here, lost its Python or has an old one cannot be brought up to date.
USABLE := $(shell grep -qsF "$(CURDIR)/$(BIN)" $(BIN)/pip && $(call new_enough,$(BIN)/python) && echo yes)
ifndef USABLE
.PHONY: $(STAMP)
endif

# One set-up at a time: a second make waits, and finds .venv made.
FLOCK := $(shell command -v flock)
ifeq ($(SETTING_UP)$(if $(FLOCK),,alone),)
$(STAMP): pyproject.toml requirements.lock
	@$(FLOCK) --nonblock . true || echo "Another make sets up $(VENV) here: waiting for it."
	@$(FLOCK) . $(MAKE) --no-print-directory SETTING_UP=yes $(STAMP)
else
$(STAMP): pyproject.toml requirements.lock
	@case "$(CURDIR)" in *[{}]*) echo "setuptools cannot install from a folder with { or } in its path:" \
		"move $(CURDIR), and give the command again." >&2; exit 1;; esac
	@echo "Setting up $(VENV): one minute to ten, most of it for torch."
	@$(if $(USABLE),:,$(call new_venv,$(VENV)))
	@$(BIN)/python -m pip install --disable-pip-version-check $(INDEX) \
		--constraint requirements.lock --editable '.[$(EXTRAS)]'
	@-$(BIN)/python -m isoloss.native.build --fetch $(INDEX)
	@touch $(STAMP)
endif

lock: ## write requirements.lock anew: the newest versions that pyproject.toml allows
	@$(call new_venv,build/lock)
	@build/lock/bin/python -m pip install --disable-pip-version-check $(INDEX) --editable '.[$(EXTRAS)]'
	@build/lock/bin/python -m pip freeze --all --exclude-editable --exclude pip > build/freeze
	@{ grep '^#' requirements.lock; \
		sed 's/+.*//' build/freeze | grep -vE '^(cuda|nvidia|triton)' | LC_ALL=C sort -f; \
	} > build/requirements.lock
	@mv build/requirements.lock requirements.lock
	@rm -rf build/lock
	@echo "Wrote requirements.lock; see git diff, then make test."

wheels: ## build the wheel of this machine's architecture into build/wheels (Linux: needs Docker)
	@$(call new_venv,build/cibuildwheel)
	@build/cibuildwheel/bin/python -m pip install --disable-pip-version-check $(INDEX) cibuildwheel
	@build/cibuildwheel/bin/cibuildwheel --output-dir build/wheels

clean: ## remove .venv and caches; results, figures and Snakemake's records of them stay
	rm -rf $(VENV) build workflow/isoloss.egg-info workflow/isoloss/native/built .pytest_cache .ruff_cache .hypothesis
	find workflow tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.* ## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-6s %s\n", $$1, $$2 }'
