# The gateway's own commands. `make run` needs make and Python 3.11; everything else it fetches.
.DEFAULT_GOAL := help
.PHONY: help run test lint fmt e2e peers docs clean

BIN := .venv/bin
# In the order of tests/conftest.py, which has the longest files first.
PYTEST := $(BIN)/pytest --no-loadscope-reorder
ASKED := .asked
LOGGED := $(CURDIR)/.logged
# Compiled once and kept: every worker and every process that a test starts reads it back.
export PYTHONDONTWRITEBYTECODE :=
CODE := manage.py gateway_project bots calls alarms tests benchmarks

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile

run: ## Start the gateway with its demo bot (DEMO=0: without)
	@.ci/bootstrap run
	@DEMO="$${DEMO:-1}" exec $(BIN)/python manage.py gateway

test: ## Run every test, and what asks a server once more on PostgreSQL and Redis
	@.ci/bootstrap dev
	@.ci/system-packages
	$(PYTEST) -n 2 -m pure --cov --cov-report=
	$(BIN)/python tests/own_coverage.py
	@rm -rf $(ASKED) $(LOGGED)
	ASKED=$(ASKED) LOGGED=$(LOGGED) $(PYTEST) -n 4 -m "not pure"
	ASKED=$(ASKED) LOGGED=$(LOGGED) $(BIN)/python -m tests.servers $(PYTEST) -n 3 \
		-m "(db or layer or served) and not (speech or once)"
	$(BIN)/python tests/both_databases.py $(ASKED)
	$(BIN)/python -m tests.planted $(LOGGED)

lint: ## Check style, types, architecture, templates, spelling, migrations and generated pages
	@.ci/bootstrap dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/djlint --check --lint templates
	$(BIN)/codespell
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py docs --check
	$(BIN)/python manage.py environment --check
	$(BIN)/python manage.py logs --check
	$(BIN)/python manage.py openapi --check
	$(BIN)/python manage.py metrics --check
	$(BIN)/python manage.py mib --check

fmt: ## Format code and templates
	@.ci/bootstrap dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/djlint --quiet --reformat templates

e2e: ## Drive a running gateway with test calls and a browser
	@.ci/bootstrap dev
	@.ci/system-packages
	$(BIN)/pytest -m e2e

peers: ## Hold calls with bots that others wrote (PEERS=folder of their checkouts; needs Node)
	@.ci/bootstrap dev
	@.ci/system-packages
	$(BIN)/python -m tests.peers.checkouts $(PEERS)
	PEERS=1 $(BIN)/pytest -m peers tests/peers

docs: ## Write the pages that are generated from the code
	@.ci/bootstrap dev
	$(BIN)/python manage.py docs
	$(BIN)/python manage.py environment
	$(BIN)/python manage.py logs
	$(BIN)/python manage.py openapi
	$(BIN)/python manage.py metrics
	$(BIN)/python manage.py mib --ship

clean: ## Delete the environment and what tools left behind; keeps var/
	rm -rf .venv .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov $(ASKED) $(LOGGED)
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
