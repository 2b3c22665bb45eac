# GridFaaS: `make up` brings the platform up on this machine; `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.gridfaas
LOCK := requirements-dev.txt
ROOMS := gateway functions zones storage meter_emulator deploy
PYTHON ?=
ARGS ?=
COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help venv up down status test lint format typecheck unit integration e2e e2e-docker soak lock clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## Set up .venv with the locked packages (PYTHON=... chooses the interpreter)

$(STAMP): requirements.txt requirements-dev.txt pyproject.toml deploy/find-python
	@python="$$(PYTHON='$(PYTHON)' sh deploy/find-python)" || exit 1; \
	echo "setting up $(VENV) with $$python"; \
	"$$python" -m venv $(VENV) \
		|| { echo "make venv: $$python cannot make a virtual environment (Debian: apt install python3-venv)" >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(LOCK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

up: $(STAMP) ## Bring the lab up, replay a day, stay until Ctrl-C (ARGS="--once --json")
	@exec $(BIN)/gridfaas up $(ARGS)

down: $(STAMP) ## End a running lab
	@exec $(BIN)/gridfaas down $(ARGS)

status: $(STAMP) ## Show what runs
	@exec $(BIN)/gridfaas status $(ARGS)

test: lint typecheck ## Lint, types, import contracts and every test
	$(BIN)/python -m pytest -rs tests/architecture tests/unit tests/contract tests/integration tests/e2e $(ARGS)

lint: $(STAMP) ## Check style
	$(BIN)/ruff check $(ROOMS) tests
	$(BIN)/ruff format --check $(ROOMS) tests

format: $(STAMP) ## Rewrite files in the project's format
	$(BIN)/ruff check --fix $(ROOMS) tests
	$(BIN)/ruff format $(ROOMS) tests

typecheck: $(STAMP) ## Check types, strictly
	$(BIN)/mypy

unit: $(STAMP) ## Tests without I/O, and the architecture's
	$(BIN)/python -m pytest tests/architecture tests/unit $(ARGS)

integration: $(STAMP) ## Tests with real servers
	$(BIN)/python -m pytest tests/contract tests/integration $(ARGS)

e2e: $(STAMP) ## The whole lab, and the containers where an engine answers, with kills in the middle
	$(BIN)/python -m pytest -rs tests/e2e $(ARGS)

soak: $(STAMP) ## The same kills for as long as you like (ROUNDS=10), from a new seed each time
	GRIDFAAS_E2E_ROUNDS=$(or $(ROUNDS),10) $(BIN)/python -m pytest tests/e2e/test_crashes.py \
		-o log_cli=true -o log_cli_level=INFO $(ARGS)

e2e-docker: $(STAMP) ## The containers alone, on a Docker engine that must be there
	GRIDFAAS_E2E_DOCKER=1 $(BIN)/python -m pytest -rs --durations=10 tests/e2e/test_compose*.py $(ARGS)

lock: ## Renew the lock files (needs uv)
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra dev -o requirements-dev.txt

clean: ## Remove what was built; the lab's data stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find $(ROOMS) tests -name __pycache__ -type d -prune -exec rm -rf {} +
