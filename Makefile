# What a fresh machine with Python >= 3.11 can be asked to do.
#
#   make demo    everything at once, on this machine alone: broker, worker, receivers, calls, verdict
#   make test    the tests, on a real Kafka where one can be found
#   make faults  the tests of docs/reliability.md that `make test` leaves out: one fault at a time, 20 minutes
#   make check   lint, types, layers and the tests that need no Kafka
#   make torture SEED=7 MINUTES=60
#                random faults and load on a real Kafka for so long, then the verdict; RATE is calls a second
#   make proof   every clean operation, crash, freeze and failpoint under load, SEEDS times, on a real Kafka, then a
#                table of what was lost, made up, repeated; GROUPS="clean crashes zombies failpoints" chooses
#   make failpoints
#                a worker killed at every failpoint, on a real Kafka; SEEDS=10 for ten draws each
#   make mutations [ONLY=name]
#                break the engine by hand, in a copy, and see the tests notice
#   make clean   remove what the others made

.DEFAULT_GOAL := help
.PHONY: help demo test check faults failpoints mutations proof torture clean

VENV := .venv
BIN := $(VENV)/bin
RUNS := $(VENV)/runs
READY := $(VENV)/ready
# Most modules are never imported, so those that are get compiled afterwards, whatever the environment says
# of writing bytecode: a worker or command that compiles first starts a second later.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile
COMPILING := env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c
# Processes of the test run: most of the long tests wait, so there may be more of them than cores.
JOBS ?= 3
MINUTES ?= 60
SOURCES := schemas streams agents tests

help:
	@sed -n '/^#   make/s/^# *//p' Makefile

demo: $(RUNS)
	@$(BIN)/postcall demo

test: $(READY)
	@$(BIN)/pytest -n $(JOBS) --dist worksteal

faults: $(READY)
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -m faults

check: $(READY)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	@$(BIN)/pytest -n 2 --dist worksteal -m "not kafka and not slow"

torture: $(READY)
	@$(BIN)/python -m tests.system.torture --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(RATE),--rate $(RATE)) $(if $(BROKERS),--brokers $(BROKERS))

proof: $(READY)
	@$(BIN)/python -m tests.system.proof $(GROUPS) $(if $(SEEDS),--seeds $(SEEDS))

failpoints: $(READY)
	@$(BIN)/pytest -n $(JOBS) --dist worksteal -m failpoints tests/system/test_failpoints.py

mutations: $(READY)
	@$(BIN)/python -m tests.mutations --jobs $(JOBS) $(if $(ONLY),"$(ONLY)")

clean:
	rm -rf $(VENV) .cache .postcall .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# Once for each content of the locks: every pinned package by its hash, then this project without looking
# for anything else. `make demo` needs only what runs; linters and test tools come with the first test.
$(RUNS): deploy/requirements.lock deploy/build.lock pyproject.toml
	@python=$$(for each in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$each"; break; fi; \
	done); \
	if [ -z "$$python" ]; then \
	  echo "postcall needs Python 3.11 or newer; found $$(python3 --version 2>&1 || echo none)" >&2; exit 1; \
	fi; \
	if ! "$$python" -m venv $(VENV); then \
	  echo "$$python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; \
	fi
	@echo "installing the locked packages into $(VENV) (once)"
	@$(PIP) --require-hashes -r deploy/requirements.lock -r deploy/build.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@$(COMPILING) 'import agents.cli.apply, agents.cli.simulate, agents.demo, agents.worker'
	@touch $(RUNS)

$(READY): $(RUNS) requirements.lock
	@echo "installing the locked test tools into $(VENV) (once)"
	@$(PIP) --require-hashes -r requirements.lock
	@$(COMPILING) 'import hypothesis.strategies, mypy.build, pytest, xdist.plugin'
	@touch $(READY)
