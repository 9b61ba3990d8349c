PYTHON ?= python3
BIN := .venv/bin
DATA := $(wildcard ../shared/data)
export PUSHFORWARD_DATA ?= $(if $(DATA),$(abspath $(DATA)))

.PHONY: compare course test test-machines torture ranks mutants results check stubs format clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

compare: .venv/installed  ## train every family on real digits and write runs/compare/index.html
	$(BIN)/pushforward compare --out runs/compare

.venv/course: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[course]"
	@touch $@

course: .venv/course  ## build the lectures into runs/course
	$(BIN)/pushforward-course build --out runs/course

test: .venv/installed  ## everything that the tests check
	$(BIN)/python -m pytest -n 2 tests src

test-machines: .venv/installed  ## the fast tests as other processors, threads, seeds, orders and versions run them
	$(BIN)/python tests/machines.py $(MACHINES)

torture: .venv/installed  ## hostile inputs of every kind, kills and full disks; writes docs/robustness.md
	$(BIN)/python tests/torture $(KINDS) --write docs/robustness.md

results: .venv/installed  ## the zoo's models, example by example: do they give the numbers recorded?
	$(BIN)/python tools/zoo.py check $(NAMES)

ranks: .venv/installed  ## every example by two processes: the losses of one?
	$(BIN)/torchrun --standalone --nproc-per-node 2 tests/ranks.py $(RANKS)

mutants: .venv/installed  ## formulas broken one at a time: does a test notice?
	$(BIN)/python tests/mutants/mutation.py $(MUTANTS)

check: .venv/installed  ## lint, types, fast tests: before each commit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 -m "not slow and not seconds and not browser" tests src

stubs: .venv/installed  ## what editors know of pf.NAME, written again
	$(BIN)/python tools/stubs.py

format: .venv/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf runs .venv .mypy_cache .ruff_cache .pytest_cache
