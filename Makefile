# What can be done here: make demo, test, test-faults, test-sharing, test-commands, test-programs, check, bench,
# bench-quick, storm, chaos, conformance, conformance-pool, clients, clean.
# Needs only make and a Python >= 3.11 (tools/find-python says which); everything else goes into .venv.

.PHONY: demo test test-faults test-sharing test-commands test-programs check bench bench-quick storm chaos \
    conformance conformance-pool clients clean

VENV := .venv
BIN := $(VENV)/bin
PROGRAMS := tests/examples tests/docs tests/joblib tests/conformance tests/typed
COMMANDS := tests/cli tests/jobs tests/runs
FAULTS := tests/faults
SHARING := tests/shared tests/served tests/pool/test_memory.py tests/faults/test_out_of_memory.py
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The broken file of the examples makes the command exit with 1 (some items failed): here that is right. An interpreter
# that fails to start exits with 1 too, so the thumbnails are counted.
demo: $(VENV)/.images
	@echo "$(BIN)/procession thumbs examples/photos -o thumbs"
	@$(BIN)/procession thumbs examples/photos -o thumbs; status=$$?; \
	wanted=$$(find examples/photos -name '*.jpg' -o -name '*.png' | grep -cv broken.jpg); \
	made=$$(find thumbs -type f ! -name '.*' 2>/dev/null | wc -l); \
	if [ $$status -gt 1 ] || [ $$made -lt $$wanted ]; then \
	    echo "the demo failed: exit code $$status, $$((made)) of $$((wanted)) thumbnails in thumbs/" >&2; exit 1; \
	elif [ $$status -eq 1 ]; then \
	    echo "All is well: examples/photos/broken.jpg is broken on purpose, to show a report. The thumbnails are in thumbs/."; \
	fi

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(addprefix --ignore=,$(PROGRAMS) $(SHARING) $(COMMANDS) $(FAULTS))

# Every fault in every call, under every start method; kills at random moments.
test-faults: $(VENV)/.dev
	$(BIN)/python -m pytest $(FAULTS) --ignore=tests/faults/test_out_of_memory.py

# What processes share, a manager's among them, and what limits their memory.
test-sharing: $(VENV)/.dev
	$(BIN)/python -m pytest $(SHARING)

# The command line, its jobs, and durable runs.
test-commands: $(VENV)/.dev
	$(BIN)/python -m pytest $(COMMANDS)

# The rest: tutorials, pages and programs as whole scripts, other libraries, types.
test-programs: $(VENV)/.dev
	$(BIN)/python -m pytest $(PROGRAMS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict src
	$(BIN)/python -m pytest -q tests/test_architecture.py

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

bench-quick: $(VENV)/.dev
	$(BIN)/python -m benchmarks --quick

storm: $(VENV)/.dev
	PYTHON=$(BIN)/python tools/storm

# Durable runs, killed and resumed: ROUNDS of them, from SEED on.
chaos: $(VENV)/.dev
	PYTHON=$(BIN)/python tools/chaos

# CPython's own tests, under every start method; the table of docs/conformance.md is written anew.
conformance: $(VENV)/.dev
	$(BIN)/python tools/conformance/run.py --write

conformance-pool: $(VENV)/.dev
	$(BIN)/python tools/conformance/run.py pool

# Libraries that people use, each through every face and start method; they get .venv-clients.
clients: $(VENV)/.made
	$(BIN)/python tools/clients/run.py

clean:
	rm -rf $(VENV) .venv-clients thumbs build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp each, so that the environment is made once and again only when what it is made from changes.
$(VENV)/.made: tools/find-python
	@python=$$(PYTHON="$(PYTHON)" tools/find-python) && \
	    echo "making $(VENV) with $$python" && "$$python" -m venv --clear $(VENV) && touch $@

$(VENV)/.images: $(VENV)/.made pyproject.toml
	@echo "installing procession[images] into $(VENV)"
	@$(PIP) --editable '.[images]' && touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml
	@echo "installing procession[dev] into $(VENV)"
	@$(PIP) --editable '.[dev]' && touch $@
