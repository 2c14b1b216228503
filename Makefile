# Everything happens in this directory: packages in .venv, servers and their data in .local.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# The demo and `make up` may run without secrets of their own; production never comes through here.
export HOLDFAST_DEVELOPMENT ?= 1

.DEFAULT_GOAL := help
.PHONY: help install demo up test check bench lock reset clean

help: ## show this list
	@echo "Holdfast. Begin with: make demo"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 17

install: $(STAMP) ## install everything into .venv (does nothing when that is done)

$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Holdfast needs Python 3.11 or newer. Name one: make install PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "No virtual environment could be made. On Debian: apt install python3-venv"; exit 1; }
	@sed -n '/^uv==/,/^ *#/p' requirements.lock | grep -v '#' > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock
	@echo "Installing into .venv ..."
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock || { \
	  echo "uv did not get through; trying pip, which takes longer."; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	@touch $@

demo: install ## start everything, replay real conversations, verify the copy, report, stop
	@$(BIN)/python manage.py demo

up: install ## start everything and keep it up until Ctrl-C
	@$(BIN)/python manage.py up

test: install ## run all tests against real services started for them, as many at a time as there are cores (up to four)
	@$(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadscope

# Production's settings with made-up values, and servers at a port where nobody listens, since no step may need one.
# What `check --deploy` says must be nothing; makemigrations would warn that it cannot ask the database.
DEPLOYED := HOLDFAST_DEVELOPMENT=0 DEBUG=0 ALLOWED_HOSTS=holdfast.example \
	DATABASE_URL=postgresql://holdfast@127.0.0.1:1/holdfast REDIS_URL=redis://127.0.0.1:1/0 \
	SECRET_KEY=made-up-for-the-check-0123456789-abcdefghijklmnopqrstuvwxyz \
	HASH_SECRET=another-made-up-one-9876543210-zyxwvutsrqponmlkjihgfedcba \
	ARCHIVE_URL=file:///var/lib/holdfast/archive PUBLIC_URL=https://holdfast.example

check: install ## format, lint, types, imports, migrations, deployment settings, documentation
	@echo "== format";      $(BIN)/ruff format --check
	@echo "== lint";        $(BIN)/ruff check
	@echo "== types";       $(BIN)/mypy
	@echo "== imports";     $(BIN)/lint-imports
	@echo "== migrations";  $(DEPLOYED) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@echo "== deployment";  $(DEPLOYED) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@echo "== documents";   $(BIN)/python -m pytest tests/docs

bench: install ## measure, each figure beside its physical limit
	@$(BIN)/python -m bench

lock: install ## resolve pyproject.toml anew into both lock files
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --no-header \
	  --python-version 3.11 -o requirements.lock
	@$(BIN)/uv pip compile pyproject.toml -c requirements.lock --universal --generate-hashes --no-header \
	  --python-version 3.11 -o deploy/requirements.lock

reset: install ## stop the embedded services and delete all local data
	@$(BIN)/python manage.py services reset --yes
	@rm -rf .local

clean: ## delete caches; packages and data stay
	@rm -rf .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
